#include <fmt/format.h>
#include <unistd.h>

#include <cardvoid/base/host.hpp>
#include <cardvoid/base/text.hpp>
#include <cardvoid/base/translate.hpp>
#include <cardvoid/dispatch/window.hpp>
#include <cardvoid/ledger/interruptible.hpp>
#include <cardvoid/ledger/one_moment.hpp>
#include <cardvoid/ledger/plan.hpp>
#include <cardvoid/report/progress.hpp>
#include <cardvoid/run/outlook.hpp>
#include <functional>
#include <iostream>
#include <string>

#include "commands.hpp"
#include "confirm.hpp"
#include "interrupt.hpp"
#include "next_steps.hpp"
#include "plan.hpp"
#include "plan_words.hpp"
#include "send.hpp"

namespace cardvoid::cli {

namespace {

constexpr std::size_t k_least_fingerprint_digits = 12, k_fingerprint_digits = 64;

// Whom a run has to send: what the command line says of it.
struct Consent {
  std::string confirm;  // digits of a fingerprint
  bool yes = false, accept_damage = false;
};

struct RunOptions {
  std::filesystem::path job_file;
  Consent consent;
  bool dry_run = false;
  std::optional<std::int64_t> limit;
  std::optional<milliseconds> max_duration;
  milliseconds wait_lock{0};
};

Words words(RunOptions& options) {
  auto& consent = options.consent;
  return of_one_shard(
      {{job_file(options.job_file)},
       {{.name = "--confirm",
         .value = "FINGERPRINT",
         .help = translatable("Send exactly the plan with this fingerprint; its first 12 digits are enough"),
         .excludes = "--yes",
         .set = into(consent.confirm)},
        {.name = "--yes",
         .help = translatable("Send without asking"),
         .excludes = "--confirm",
         .is_on = &consent.yes},
        {.name = "--limit",
         .value = "N",
         .help = translatable("Take up at most N rows in this run"),
         .set = [&options](const std::string& text) -> Result<void> {
           options.limit = to_whole_number<std::int64_t>(text);
           if (options.limit && *options.limit >= 1) return {};
           return Error{Errc::usage, tr("expected a whole number of rows, 1 or more")};
         }},
        max_duration(options.max_duration),
        {.name = "--dry-run", .help = translatable("Same as `cardvoid plan`"), .is_on = &options.dry_run},
        accept_damage(consent.accept_damage),
        wait_lock(options.wait_lock)}});
}

Result<void> check_words(RunOptions& options, const Globals&) {
  const auto& digits = options.consent.confirm;
  if (digits.empty() ||
      (digits.size() >= k_least_fingerprint_digits && digits.size() <= k_fingerprint_digits &&
       digits.find_first_not_of("0123456789abcdefABCDEF") == std::string::npos))
    return {};
  return Error{Errc::usage,
               tr("--confirm {}: expected {} to {} digits of the fingerprint that `cardvoid plan` prints",
                  digits, k_least_fingerprint_digits, k_fingerprint_digits)};
}

// Before anything is read or written: without a terminal to ask on, the command line must say yes.
Result<void> require_consent(const Consent& o) {
  if (o.yes || !o.confirm.empty() || ::isatty(STDIN_FILENO)) return {};
  return Error{
      Errc::usage,
      tr("standard input is not a terminal, so no one can be asked: give --confirm FINGERPRINT (from "
         "`cardvoid plan`) or --yes")};
}

std::string in_lower_case(std::string text) {
  for (auto& c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return text;
}

// Another reader of the results, who sees them as they are now.
class Onlooker {
 public:
  explicit Onlooker(ledger::Ledger opened) : ledger_{std::move(opened)}, moment_{std::in_place, *ledger_} {}
  // A moment begins with its first question.
  Result<void> begin() {
    const auto asked = ledger::canary_passed(*ledger_);
    return asked ? Result<void>{} : asked.error();
  }
  // Once. Behind it nothing keeps the write-ahead log from being folded in.
  Result<ledger::PlanDigest> digest(const std::function<bool()>& is_given_up) {
    auto plan = [&] {
      const ledger::Interruptible scope{*ledger_, is_given_up};
      return ledger::digest_plan(*ledger_);
    }();
    moment_.reset(), ledger_.reset();
    return plan;
  }

 private:
  std::optional<ledger::Ledger> ledger_;
  std::optional<ledger::OneMoment> moment_;
};

// The plan as it is at this moment, to be worked out while the run sends.
Result<run::Order::LatePlan> late_plan(const model::Job& job) {
  auto opened = ledger::Ledger::open(job.results.database, job, ledger::Access::read_only);
  if (!opened) return opened.error();
  const auto onlooker = std::make_shared<Onlooker>(std::move(*opened));
  if (const auto begun = onlooker->begin(); !begun) return begun.error();
  return run::Order::LatePlan{
      [onlooker](const std::function<bool()>& is_given_up) { return onlooker->digest(is_given_up); }};
}

// `run --confirm` again after an interruption is the same command: what is left of a confirmed plan needs no
// other word.
Result<void> confirm_by_fingerprint(const Consent& o, const Plan& plan, ledger::Ledger& ledger) {
  const auto wanted = in_lower_case(o.confirm);
  // Also when it is no longer the plan: `plan --diff` then says what has changed since.
  if (const auto noted = ledger::confirm_plan(ledger, wanted, read_clocks().wall, user_name()); !noted)
    return noted;
  if (!plan.fingerprint.empty() && plan.fingerprint.starts_with(wanted)) return {};
  const auto is_rest = ledger::is_rest_of_confirmed(ledger, wanted);
  if (!is_rest) return is_rest.error();
  if (*is_rest) return {};
  return another_plan(o.confirm, plan, ledger);
}

// Also where standard error goes to a file: who does not see the question would take the run for a slow one.
void ask(const std::string& words) {
  const auto question = escape_lines(words);
  put(stderr, question);
  if (::isatty(STDERR_FILENO)) return;
  if (std::FILE* const terminal = std::fopen("/dev/tty", "we")) {
    put(terminal, question);
    std::fclose(terminal);
  }
}

// What counts, once more below a plan that is longer than the terminal.
std::string words_to_agree_to(const Plan& plan, const model::Job& job) {
  const auto& t = plan.totals;
  auto text = tr_n(t.to_send(), "{0} card of job {1} becomes invalid", "{0} cards of job {1} become invalid",
                   job.title());
  const auto add = [&text](const std::string& words) { text = tr("{}; {}", text, words); };
  if (const auto brands = stake_of(plan, job, 0).brands; !brands.empty()) add(tr("brand {}", brands));
  if (t.in_doubt() > 0) add(tr("{} in doubt", grouped(t.in_doubt())));
  if (t.protected_pending > 0)
    add(tr_n(t.protected_pending, "{} protected card is left out", "{} protected cards are left out"));
  if (t.refused_lines() > 0)
    add(tr_n(t.refused_lines(), "{} refused line is left out", "{} refused lines are left out"));
  add(tr("fingerprint {}", plan.fingerprint.substr(0, k_least_fingerprint_digits)));
  constexpr std::size_t k_columns = 80;
  if (const auto strangers = words_for_strangers(plan, job); !strangers.empty())
    return wrapped(tr("note: {}", strangers), 2, k_columns) + "\n" + wrapped(text, 2, k_columns);
  return wrapped(text, 2, k_columns);
}

Result<void> confirm(const Consent& o, const Plan& plan, const model::Job& job, ledger::Ledger& ledger) {
  if (is_too_large(plan, job))
    return Error{Errc::bad_input, tr("{} to send, safety.max_rows allows {}; nothing was sent",
                                     tr_n(plan.totals.to_send(), "{} row", "{} rows"), *job.safety.max_rows)};
  if (plan.totals.to_send() == 0) return {};
  if (!o.confirm.empty()) return confirm_by_fingerprint(o, plan, ledger);
  if (o.yes && plan.needs_a_person)
    return Error{Errc::bad_input, tr("--yes does not go on with another brand or merchant than before; "
                                     "--confirm FINGERPRINT, from `cardvoid plan`, does. Nothing was sent")};
  if (o.yes && plan.fingerprint.empty()) return {};  // as soon as the run has worked it out
  if (o.yes) return ledger::confirm_plan(ledger, plan.fingerprint, read_clocks().wall, user_name());
  ask(plan_text(plan, job) + "\n" + words_to_agree_to(plan, job) + "\n" +
      tr("Invalidating cannot be undone. Type the number of cards ({}) to go on: ", plan.totals.to_send()));
  std::string typed;
  if (Interrupt::input_comes_first()) std::getline(std::cin, typed);
  if (Interrupt::has_come()) return Error{Errc::stopped, tr("interrupted; nothing was sent")};
  std::erase_if(typed, [](char c) { return c == ',' || c == ' ' || c == '\r'; });
  if (typed == std::to_string(plan.totals.to_send()))
    return ledger::confirm_plan(ledger, plan.fingerprint, read_clocks().wall, user_name());
  return Error{Errc::usage, tr("not confirmed; nothing was sent")};
}

// A run that may not send now says when it may, for the reader of cron's mail.
Result<void> require_open_window(const Plan& plan, const model::Job& job) {
  const auto now = read_clocks().wall;
  if (!job.safety.window || run::is_open(*job.safety.window, now)) return {};
  if (plan.totals.to_send() + plan.totals.in_doubt() == 0) return {};  // the run says so itself
  const auto view = run::outlook(job.limits, job.safety.window, plan.remaining, std::nullopt, now);
  return Error{Errc::stopped, tr("the window {} is closed: nothing was sent; {}",
                                 dispatch::to_text(*job.safety.window), run::to_text(view))};
}

// What somebody who does not look at the plan must know.
void warn_about(const Plan& plan, const model::Job& job, Console& console) {
  using enum LogLevel;
  const auto say = [&](LogLevel level, std::int64_t count, const std::function<std::string()>& words) {
    if (count > 0) console.tell(level, words);
  };
  const auto& read = plan.imported;
  for (std::size_t i = 0; i < read.remarks.size(); ++i)
    console.tell(warning, [&] {
      return tr("input: {}",
                (spoken_language() == Language::english ? read.remarks_of_log : read.remarks)[i]);
    });
  warn_of_strangers(plan, job, console);
  const auto& t = plan.totals;
  const auto vanished = read.vanished_to_send, corrected = read.corrected;
  say(warning, vanished, [&] {
    return tr_n(vanished,
                "{} row to send that the input no longer has: requests were made for it before, or "
                "input.vanished says so",
                "{} rows to send that the input no longer has: requests were made for them before, or "
                "input.vanished says so");
  });
  say(warning, t.left, [&] { return words_for_left(t.left); });
  say(warning, corrected, [&] {
    return tr_n(corrected,
                "{} row changed: the input names another openid or reason than before; no request was made "
                "for it",
                "{} rows changed: the input names another openid or reason than before; no request was made "
                "for them");
  });
  say(warning, t.conflicts, [&] {
    return tr_n(t.conflicts,
                "{} row not sent: the input names another openid or reason than was sent, or contradicts "
                "itself; `cardvoid plan` shows it",
                "{} rows not sent: the input names another openid or reason than was sent, or contradicts "
                "itself; `cardvoid plan` shows them");
  });
  say(warning, t.protected_invalidated, [&] {
    return tr_n(t.protected_invalidated, "{} protected card INVALID already: named too late",
                "{} protected cards INVALID already: named too late");
  });
  say(info, t.protected_pending,
      [&] { return tr_n(t.protected_pending, "{} row protected: not sent", "{} rows protected: not sent"); });
  warn_of_protect_list(plan, console);
  if (const auto& list = read.protections)
    say(info, list->matched,
        [&] { return tr("safety.protect: {} {}", list->matched, protections_text(*list)); });
  say(warning, t.refused_lines(), [&] {
    return tr_n(t.refused_lines(), "{} input line refused; `cardvoid plan` shows them by cause",
                "{} input lines refused; `cardvoid plan` shows them by cause");
  });
  say(info, t.in_doubt(), [&] {
    return tr_n(t.in_doubt(), "{} row in doubt: read back first", "{} rows in doubt: read back first");
  });
}

// A person who looks at the plan sees all of it. A command that was told whom to send begins at once where
// nothing has changed: the plan of a list that is the one of the last import is what was confirmed, or what
// is left of it.
Result<Plan> plan_for(const Consent& consent, const model::Job& job, ledger::Ledger& ledger) {
  if (!consent.yes && consent.confirm.empty()) return make_plan(job, ledger);
  auto plan = make_plan(job, ledger, run::Again::if_changed);
  if (!plan || !plan->imported.is_unchanged || consent.yes) return plan;
  const auto is_rest = ledger::is_rest_of_confirmed(ledger, in_lower_case(consent.confirm));
  if (!is_rest) return is_rest.error();
  return *is_rest ? std::move(plan) : make_plan(job, ledger);
}

// Imports the input, asks, and says what to send.
Result<Assignment> prepare(Console& console, const RunOptions& options, const model::Job& job,
                           ledger::Ledger& ledger, Stage& stage) {
  const auto& consent = options.consent;
  stage = Stage::input;
  const auto plan = plan_for(consent, job, ledger);
  if (!plan) return plan.error();
  stage = Stage::consent;
  warn_about(*plan, job, console);
  // Asks for nothing that cannot be done now; but a plan that is not the confirmed one is said at any hour.
  const bool asks = !consent.yes && consent.confirm.empty();
  if (asks)
    if (const auto open = require_open_window(*plan, job); !open) return open.error();
  if (const auto confirmed = confirm(consent, *plan, job, ledger); !confirmed) return confirmed.error();
  if (const auto open = require_open_window(*plan, job); !open) return open.error();
  Assignment assignment;
  auto& order = assignment.order;
  order.command = consent.accept_damage ? "run --accept-damage" : "run";
  order.row_limit = options.limit;
  order.max_duration = options.max_duration;
  order.fingerprint = plan->fingerprint;
  if (plan->fingerprint.empty() && plan->totals.to_send() > 0) {
    auto late = late_plan(job);
    if (!late) return late.error();
    order.late_plan = std::move(*late);
  }
  order.confirmed = !consent.confirm.empty();
  order.consent = order.confirmed ? "confirm" : consent.yes ? "yes" : "typed";
  assignment.to_send = plan->totals.to_send();
  return assignment;
}

int run(Console& console, const RunOptions& options) {
  const auto& consent = options.consent;
  if (options.dry_run)
    return plan(console, {.job_file = options.job_file,
                          .accept_damage = consent.accept_damage,
                          .wait_lock = options.wait_lock});
  if (const auto given = require_consent(consent); !given) {
    // Who has no job yet is told that first.
    const auto job = load_job(console.globals(), options.job_file, consent.accept_damage);
    return job ? fail(console, options.job_file, Stage::consent, given.error())
               : fail(console, options.job_file, Stage::job, job.error());
  }
  Sending sending;
  sending.job_file = options.job_file;
  sending.accept_damage = consent.accept_damage;
  sending.wait_lock = options.wait_lock;
  sending.invalidates = true;
  sending.prepare = [&](const model::Job& job, ledger::Ledger& ledger, Stage& stage) {
    return prepare(console, options, job, ledger, stage);
  };
  return send(console, sending);
}

}  // namespace

Command run_command() {
  return {
      .name = "run",
      .group = translatable("Run"),
      .purpose = translatable("Plans, then sends; resumes what is left"),
      .about = translatable(
          "Without --confirm or --yes it asks, and the number of cards must be typed; without a terminal "
          "it refuses.\n"
          "The same command carries on after any interruption. `cardvoid pause`, `resume`, `rate` and "
          "`stop` steer it from another terminal. The first Ctrl-C settles what is in flight; one that comes "
          "more than a second later leaves at once."),
      .examples = {{"cardvoid run gold.toml --confirm 3f9c2a1e77b0"}},
      .exits = {{0, translatable("every card is confirmed invalid")},
                {1, translatable("done, but some rows were rejected or refused")},
                {69, translatable("the platform is away or in trouble for too long: run it again later")},
                {75, translatable("stopped early: run it again")},
                {76, translatable(
                         "it stopped itself, by canary or breaker for example: look before the next run")},
                {77, translatable("the platform refuses the credentials, or a key is unusable")}},
      .call = call_of(words, run, check_words)};
}

}  // namespace cardvoid::cli
