#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <cardvoid/base/csv.hpp>
#include <cardvoid/base/json.hpp>
#include <cardvoid/base/text.hpp>
#include <cardvoid/base/translate.hpp>
#include <cardvoid/ledger/records.hpp>
#include <cardvoid/report/progress.hpp>
#include <cardvoid/run/spoken.hpp>
#include <cardvoid/wechatpay/verifier.hpp>
#include <csignal>
#include <map>

#include "check.hpp"
#include "commands.hpp"
#include "console.hpp"
#include "interrupt.hpp"
#include "next_steps.hpp"
#include "own_output.hpp"
#include "plan.hpp"
#include "rehearsal.hpp"
#include "report.hpp"
#include "results.hpp"
#include "scratch_folder.hpp"
#include "send.hpp"
#include "time_zone.hpp"
#include "version.hpp"
#include "weather.hpp"

namespace cardvoid::cli {

namespace {

using namespace std::chrono_literals;

struct Options {
  std::filesystem::path job_file;
  Scenario scenario = Scenario::calm;
  std::optional<double> speed;
  std::optional<std::int64_t> limit;
  std::filesystem::path page;
  bool accept_damage = false;
};

Words words(Options& options) {
  std::vector<std::pair<std::string, Scenario>> scenarios;
  for (const auto each : {Scenario::calm, Scenario::bad_day, Scenario::primary_down, Scenario::rate_storm,
                          Scenario::lost_answers})
    scenarios.emplace_back(to_text(each), each);
  return {{job_file(options.job_file)},
          {choice("--faults", "SCENARIO", translatable("What goes wrong (default: calm)"), options.scenario,
                  std::move(scenarios)),
           {.name = "--speed",
            .value = "N",
            .help = translatable(
                "So many times as fast as a real run (default: so that it takes a minute at most)"),
            .set = [&options](const std::string& text) -> Result<void> {
              options.speed = to_number(text);
              if (options.speed && *options.speed >= 1 && *options.speed <= k_greatest_speed) return {};
              return Error{Errc::usage, tr("\"{}\": expected a number from 1 to {}", text, k_greatest_speed)};
            }},
           {.name = "--limit",
            .value = "N",
            .help = translatable("Rehearse the first N cards (default: as many as a minute allows)"),
            .set = [&options](const std::string& text) -> Result<void> {
              options.limit = to_whole_number<std::int64_t>(text);
              if (options.limit && *options.limit >= 1) return {};
              return Error{Errc::usage, tr("expected a whole number of cards, 1 or more")};
            }},
           {.name = "--output",
            .letter = 'o',
            .value = "FILE",
            .help = translatable("Write the report of the rehearsal to FILE as an HTML page (mode 0600)"),
            .kind = ValueKind::file,
            .set = into(options.page)},
           accept_damage(options.accept_damage)}};
}

Result<void> check_words(Options& options, const Globals&) {
  if (options.page == "-")
    return Error{Errc::usage, tr("-o -: name a file; standard output is for what the rehearsal says")};
  return {};
}

// ---- the cards that the simulated platform knows ----

// A row of cards.csv. On a bad day some cards are INVALID already, and some are not there.
void add_card(std::string& csv, const model::Card& card, std::int64_t number, Scenario scenario) {
  constexpr int k_of = 400, k_unknown = 250, k_already = 150, k_already_too = 350;
  const auto turn = number % k_of;
  if (scenario == Scenario::bad_day && turn == k_unknown) return;
  const bool is_invalid = scenario == Scenario::bad_day && (turn == k_already || turn == k_already_too);
  for (const auto& field : {card.brand_id, card.card_id, card.code, card.openid})
    csv += csv_field(field) + ",";
  csv += is_invalid ? "INVALID,\n" : "EFFECTIVE,\n";
}

// The first cards to send: of each brand, where each has a pace of its own.
Result<std::string> make_cards(const model::Job& job, ledger::Ledger& ledger, std::int64_t most,
                               Scenario scenario) {
  constexpr int k_at_once = 1000;
  std::string csv = "brand_id,card_id,code,openid,state,invalid_time\n";
  std::vector<ledger::Cursor> cursors(1);
  if (job.limits.per == model::QuotaPer::brand) {
    const auto brands = ledger::brands(ledger);
    if (!brands) return brands.error();
    cursors.clear();
    for (const auto& brand : *brands) cursors.push_back({brand});
  }
  std::map<std::string, std::string> brand_of_template;  // one has one; the platform refuses the others
  std::int64_t number = 0;
  for (auto& cursor : cursors)
    for (auto left = most; left > 0;) {
      const auto rows =
          ledger::fetch(ledger, cursor, static_cast<int>(std::min<std::int64_t>(left, k_at_once)));
      if (!rows) return rows.error();
      if (rows->empty()) break;
      left -= static_cast<std::int64_t>(rows->size());
      for (const auto& row : *rows)
        if (brand_of_template.try_emplace(row.card.card_id, row.card.brand_id).first->second ==
            row.card.brand_id)
          add_card(csv, row.card, ++number, scenario);
    }
  return csv;
}

// ---- the run ----

// How long the rehearsal would take by a machine that is never late. While only the limit holds rows back, a
// run goes at the limit; here it may be late by moments that are long by the rehearsal's clock.
class RealPace {
 public:
  explicit RealPace(Instant begun) : at_{begun} {}
  void progress(const dispatch::Snapshot& snapshot, std::int64_t sent, Instant now) {
    if (now - at_ >= k_span) take(snapshot, sent, now);
  }
  void take(const dispatch::Snapshot& snapshot, std::int64_t sent, Instant now) {
    const auto passed = now - at_, held = snapshot.held_by_pace - held_;
    const bool is_at_limit = 2 * held > passed && snapshot.rate > 0 && sent > sent_;
    const std::chrono::duration<double> at_limit{static_cast<double>(sent - sent_) / snapshot.rate};
    elapsed_ += is_at_limit ? std::min<std::chrono::duration<double>>(at_limit, passed) : passed;
    at_ = now, held_ = snapshot.held_by_pace, sent_ = sent;
  }
  milliseconds elapsed() const { return std::chrono::duration_cast<milliseconds>(elapsed_); }

 private:
  static constexpr auto k_span = 5s;  // holds some requests at usual rates
  Instant at_;
  std::chrono::nanoseconds held_{0};
  std::int64_t sent_ = 0;
  std::chrono::duration<double> elapsed_{0};
};

// Standard error, and what the metrics would show.
class Watch final : public run::Observer {
 public:
  Watch(Console& console, report::Progress& display, const Clock& clock)
      : console_{console}, display_{display}, clock_{clock}, begun_{clock.now().steady}, pace_{begun_} {}

  void notice(const dispatch::Notice& notice) override {
    console_.tell(notice.level == dispatch::Notice::warning ? LogLevel::warning : LogLevel::info,
                  [&] { return run::spoken(notice.text); });
  }
  void progress(const dispatch::Snapshot& snapshot, const ledger::RunCounts& counts) override {
    const auto now = clock_.now().steady;
    if (snapshot.canary > 0) canary_ = std::chrono::duration_cast<milliseconds>(now - begun_);
    pace_.progress(snapshot, counts.sent + static_cast<std::int64_t>(snapshot.read_backs), now);
    display_.update(snapshot, counts, read_clocks());  // for the one who looks on, at his own pace
  }
  void moved(model::RowState before, model::RowState after) override { display_.moved(before, after); }
  void attempted(const ledger::Attempt& attempt, const model::Candidate&) override {
    display_.attempted(attempt);
    constexpr auto k_span = 10min;
    auto& [all, failed] = spans_[attempt.finished_at.time_since_epoch() / k_span];
    ++all;
    if (attempt.outcome.http_status != 200) ++failed;
  }
  void interrupted(int) override {
    was_interrupted_ = true;
    console_.tell(LogLevel::warning, [] { return tr("stopping the rehearsal"); });
  }
  bool was_interrupted() const { return was_interrupted_ || Interrupt::has_come(); }

  // How long it would take at the real pace, by how it stands at the end.
  milliseconds elapsed(const run::Report& report) {
    pace_.take(report.last, report.counts.sent + static_cast<std::int64_t>(report.last.read_backs),
               clock_.now().steady);
    return pace_.elapsed();
  }
  milliseconds canary() const { return canary_; }
  bool had_many_errors() const {
    return std::any_of(spans_.begin(), spans_.end(),
                       [](const auto& span) { return 5 * span.second.failed > span.second.all; });
  }

 private:
  struct Span {
    std::int64_t all = 0, failed = 0;
  };
  Console& console_;
  report::Progress& display_;
  const Clock clock_;
  const Instant begun_;
  milliseconds canary_{0};
  RealPace pace_;
  bool was_interrupted_ = false;
  std::map<std::int64_t, Span> spans_;
};

Result<Requests> count_requests(ledger::Ledger& ledger) {
  Requests q;
  const auto read = ledger::each_request(ledger, [&](const ledger::EndedRequest& request) {
    using enum model::OutcomeKind;
    if (!request.sent) {
      ++q.unsent;
      return;
    }
    ++(request.kind == model::AttemptKind::invalidate ? q.invalidations : q.read_backs);
    if (request.endpoint == model::Endpoint::backup) ++q.by_backup;
    if (request.outcome == throttled) ++q.throttled;
    if (request.outcome == lost || request.outcome == stale_connection) ++q.lost;
    if (request.outcome == system_error || request.outcome == gateway_error) ++q.errors;
  });
  if (!read) return read.error();
  return q;
}

// A rehearsal of a part ends at its limit; nothing else stops it softly but a signal.
bool is_at_its_end(const run::Report& report) {
  return !report.stopped || (report.stopped->code == Errc::stopped && !report.trip);
}

// What is left of the list is not the run's fault.
int exit_code_of(const run::Report& report) {
  if (!is_at_its_end(report)) return report.exit_code;
  auto totals = report.totals;
  totals.pending -= totals.pending_to_send();
  return run::exit_code_for(totals);
}

// The lines that `check` would show as FAIL, as far as they need no network.
std::vector<std::string> find_missing(const Globals& globals, const std::filesystem::path& file) {
  std::vector<std::string> missing;
  const auto add = [&](std::string_view text) {
    while (!text.empty()) {
      const auto end = std::min(text.find('\n'), text.size());
      missing.emplace_back(text.substr(0, end));
      text.remove_prefix(std::min(end + 1, text.size()));
    }
  };
  const auto job = load_job(globals, file);
  if (!job) {
    add(job.error().what);
    return missing;
  }
  if (!job->endpoints.unusable_proxy.empty()) add(job->endpoints.unusable_proxy);
  Findings findings;
  (void)look_at_keys(*job, findings);
  for (const auto& finding : findings)
    if (finding.level == Finding::fault) add(finding.subject + ": " + finding.text);
  return missing;
}

// A rehearsal under way. Its members stand in the order in which they are made.
class Rehearsing {
 public:
  Rehearsing(Console& console, const Options& options) : console_{console}, options_{options} {}

  int carry_out() {
    if (const auto prepared = prepare(); !prepared) return give_up(prepared.error());
    if (plan_.totals.to_send() > 0)
      if (const auto run = rehearse(); !run) return give_up(run.error());
    result_.job_file = options_.job_file.string();
    result_.job = job_.name;
    result_.scenario = options_.scenario;
    result_.to_send = plan_.totals.to_send();
    const auto written = write_page();
    const int exit_code = answer();  // also without its page
    return written ? exit_code : give_up(written.error());
  }

 private:
  int give_up(const Error& why) const {
    if (why.code == Errc::stopped) return console_.fail(why);  // there is nothing to carry on with
    return fail(console_, options_.job_file, stage_, why);
  }

  // Reads the job and its list.
  Result<void> prepare() {
    auto scratch = ScratchFolder::make();
    if (!scratch) return scratch.error();
    scratch_.emplace(std::move(*scratch));
    auto overrides = console_.globals().overrides;
    overrides.accept_damage = options_.accept_damage;
    overrides.is_rehearsal = true;
    overrides.results_database = scratch_->path() / "rehearsal.db";
    auto job = job::load(options_.job_file, overrides);
    if (!job) return job.error();
    job_ = std::move(*job);
    if (auto allowed = check_page(); !allowed) return allowed;
    if (auto zone = use_time_zone(job_); !zone) return zone;
    stage_ = Stage::results;
    auto ledger = open_results(console_, job_, ledger::Access::create);
    if (!ledger) return ledger.error();
    ledger_.emplace(std::move(*ledger));
    stage_ = Stage::input;
    auto plan = make_plan(job_, *ledger_);
    if (!plan) return plan.error();
    plan_ = std::move(*plan);
    warn_of_protect_list(plan_, console_);
    if (const auto& most = job_.safety.max_rows; most && plan_.totals.to_send() > *most)
      return Error{Errc::bad_input, tr("{} to send, safety.max_rows allows {}: a real run would send nothing",
                                       tr_n(plan_.totals.to_send(), "{} row", "{} rows"), *most)};
    return {};
  }

  // Nothing is overwritten but the page of an earlier rehearsal: where the job is a draft, its files are not
  // all known.
  Result<void> check_page() const {
    const auto& file = options_.page;
    if (file.empty()) return {};
    const auto whole = load_job(console_.globals(), options_.job_file);  // here it has no [results]
    if (auto allowed = check_outputs({{"-o", file}}, whole ? *whole : job_); !allowed) return allowed;
    std::error_code error;
    if (!std::filesystem::is_regular_file(file, error)) return {};
    constexpr std::size_t k_head = 512;  // of a page
    if (read_start(file, k_head).find(report::k_mark_of_rehearsal) != std::string::npos) return {};
    return Error{
        Errc::usage,
        tr("-o {}: there is a file that is not the page of a rehearsal; name another one", file.string())};
  }

  Result<void> write_page() {
    if (options_.page.empty()) return {};
    report::ReportOrder order;
    order.language = console_.globals().lang;
    order.now = ended_;
    order.version = k_version;
    order.rehearsal = to_text(options_.scenario);
    if (result_.stopped.empty() && result_.cards < result_.to_send)
      order.rehearsed = result_.cards, order.of_cards = result_.to_send;
    order.command = [this](std::string_view name, std::string_view flags) {
      return command_line(console_.globals(), options_.job_file, name, flags);
    };
    const auto page = report::job_report(job_, *ledger_, order, [] {
      return Result<std::optional<report::ExportDigest>>{std::nullopt};  // of what is removed at the end
    });
    if (!page) return page.error();
    return write_private_file(options_.page, *page);
  }

  // The platform of the rehearsal. From here on the job knows no other.
  Result<std::unique_ptr<sandbox::Sandbox>> open_platform(const Clock& clock) {
    const auto cards = make_cards(job_, *ledger_, result_.cards, options_.scenario);
    if (!cards) return cards.error();
    sandbox::Settings settings;
    settings.dir = scratch_->path() / "platform";
    settings.clock = clock;
    settings.latency_min = clock.real(80ms), settings.latency_max = clock.real(240ms);
    if (job_.merchant.api == model::Api::brand) settings.brand_id = job_.merchant.brand_id;
    std::filesystem::create_directory(settings.dir);
    for (const auto& [name, content] : {std::pair{"cards.csv", std::string_view{*cards}},
                                        std::pair{"members.csv", std::string_view{"code,openid\n"}}})
      if (const auto written = write_private_file(settings.dir / name, content); !written)
        return written.error();
    auto platform = sandbox::Sandbox::start(std::move(settings));
    if (!platform) return platform.error();
    const auto theirs = job::load((*platform)->job_file(), {});
    if (!theirs) return theirs.error();
    const auto api = job_.merchant.api;
    const auto brand_id = job_.merchant.brand_id;
    job_.merchant = theirs->merchant;
    job_.merchant.api = api, job_.merchant.brand_id = brand_id;
    job_.platform = theirs->platform;
    job_.endpoints = theirs->endpoints;
    return platform;
  }

  report::Undertaking undertaking(std::int64_t cards) const {
    report::Undertaking about;
    about.job = job_.name, about.host = tr("rehearsal");
    about.limits = job_.limits;
    about.totals.pending = cards;
    return about;
  }

  Result<void> rehearse() {
    stage_ = Stage::sending;
    const auto to_send = plan_.totals.to_send();
    const auto rate =
        run::outlook(job_.limits, std::nullopt, plan_.remaining, std::nullopt, read_clocks().wall).per_second;
    const auto scale = choose_scale(to_send, rate, options_.speed, options_.limit);
    result_.speed = scale.speed, result_.cards = scale.cards;
    const auto begun = read_clocks().steady;
    const Clock clock{scale.speed};
    const auto platform = open_platform(clock);
    if (!platform) return platform.error();
    run::Credentials keys;
    auto merchant = wechatpay::load_merchant_key(job_.merchant);
    if (!merchant) return merchant.error();
    auto theirs = wechatpay::load_platform_keys(job_.platform);
    if (!theirs) return theirs.error();
    keys.merchant = std::move(*merchant), keys.platform = std::move(*theirs);
    if (Interrupt::has_come()) return Error{Errc::stopped, tr("interrupted; nothing was rehearsed")};

    console_.begin_times();
    report::Progress progress{manner_of(console_), stderr, undertaking(scale.cards), read_clocks()};
    console_.attach(&progress);
    Watch watch{console_, progress, clock};
    Weather weather{options_.scenario, **platform, rate, scale.cards, clock};
    run::Observers observers{{&watch, &weather}};
    auto job = job_;
    job.safety.window.reset();  // a rehearsal waits for none
    run::Order order;
    order.command = "rehearse";
    order.version = k_version;
    order.fingerprint = plan_.fingerprint;
    if (scale.cards < to_send) order.row_limit = scale.cards;
    order.is_stop_wanted = Interrupt::has_come;
    const auto report = run::rehearse(job, keys, *ledger_, order, observers, clock);
    ended_ = clock.now().wall;
    progress.finish();
    console_.attach(nullptr);
    if (!report) return report.error();
    if (watch.was_interrupted())
      return Error{Errc::stopped, tr("interrupted: the rehearsal has ended and left nothing behind")};
    result_.canary = watch.canary();
    result_.canaries = std::min<std::int64_t>(job_.safety.canary, scale.cards);
    result_.elapsed = watch.elapsed(*report);
    result_.had_many_errors = watch.had_many_errors();
    result_.took = std::chrono::duration_cast<milliseconds>(read_clocks().steady - begun);
    return take(*report);
  }

  Result<void> take(const run::Report& report) {
    const auto requests = count_requests(*ledger_);
    if (!requests) return requests.error();
    result_.requests = *requests;
    result_.totals = report.totals;
    result_.exit_code = exit_code_of(report);
    if (!is_at_its_end(report)) result_.stopped = report.stopped->what;
    return {};
  }

  // What follows a rehearsal, up to the real run.
  std::vector<std::string> next_commands() const {
    std::vector<std::string> next;
    const auto add = [&](std::string_view name, std::string_view flags) {
      next.push_back(command_line(console_.globals(), options_.job_file, name, flags));
    };
    const bool accepts = options_.accept_damage;
    if (options_.scenario == Scenario::calm)
      add("rehearse", accepts ? "--faults bad-day --accept-damage" : "--faults bad-day");
    add("check", "");
    add("plan", accepts ? "--page approve.html --accept-damage" : "--page approve.html");
    if (result_.stopped.empty() && result_.to_send > 0) add("run", accepts ? "--accept-damage" : "");
    return next;
  }

  int answer() {
    if (plan_.totals.to_send() == 0) {
      result_.totals = plan_.totals;
      result_.exit_code = run::exit_code_for(plan_.totals);
    }
    const auto& globals = console_.globals();
    const auto now = read_clocks().wall;
    const auto expected = forecast(result_, job_, plan_.remaining, now);
    const auto missing = [&] {
      std::optional<InEnglish> of_programs;
      if (globals.json) of_programs.emplace();
      return find_missing(globals, options_.job_file);
    }();
    const auto next = next_commands();
    const bool is_said = globals.json
                             ? console_.answer(to_json_line(rehearsal_json(result_, expected, missing, next)))
                             : console_.answer_words(rehearsal_text(result_, expected, job_, missing, next));
    return is_said ? result_.exit_code : static_cast<int>(Errc::io);
  }

  Console& console_;
  const Options& options_;
  Stage stage_ = Stage::job;
  std::optional<ScratchFolder> scratch_;
  model::Job job_;
  std::optional<ledger::Ledger> ledger_;
  Plan plan_;
  Rehearsal result_;
  WallTime ended_ = read_clocks().wall;  // by the rehearsal's clock
};

int rehearse(Console& console, const Options& options) {
  const Interrupt interrupt;
  return Rehearsing{console, options}.carry_out();
}

}  // namespace

Command rehearse_command() {
  return {
      .name = "rehearse",
      .group = translatable("Before a run"),
      .purpose = translatable(
          "Runs the job against a simulated platform, faster than real time; reaches nothing else"),
      .about = translatable(
          "Reads the job's own list and goes by its limits and safety rules. It needs no keys and makes "
          "its own; endpoints, proxy, on_finish and all of [results] are not used. At the end it says "
          "what a real run would look like. Long lists are rehearsed in part.\n"
          "Scenarios: calm; bad-day: a bit of everything; primary-down: the primary endpoint fails; "
          "rate-storm: the platform answers 429; lost-answers: answers do not arrive."),
      .examples = {{"cardvoid rehearse gold.toml"},
                   {"cardvoid rehearse gold.toml --faults bad-day --limit 500"}},
      .exits = {{0, translatable("a real run would end with 0; so do the other codes: as a run's")},
                {65,
                 translatable(
                     "the list is not what it claims to be, or has more rows than safety.max_rows allows")},
                {73, translatable("no temporary folder can be made")},
                {74, translatable("the page cannot be written")},
                {75, translatable("a signal came, or rows would be left in doubt")}},
      .call = call_of(words, rehearse, check_words)};
}

}  // namespace cardvoid::cli
