// kill -9 at random moments: while the input is imported, before the first request, in the first read-backs,
// in the middle, several times in a row; on a platform that misbehaves. After every kill the platform's own
// record and the results database are compared.
//
// CARDVOID_KILLS=500 kills so often (scripts/soak crash), CARDVOID_SEED=7 draws the same moments and faults
// again, as far as the machine's own timing lets it. CARDVOID_EVIDENCE=DIR keeps the folder of a job that
// failed.

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <future>
#include <ostream>
#include <random>

#include "csv.hpp"
#include "faults/witness.hpp"
#include "parties.hpp"

TEST_SUITE("faults") {
  using namespace cardvoid;
  using namespace cardvoid::support;
  using namespace std::chrono_literals;
  namespace fs = std::filesystem;

  namespace {

  // What the database and the platform say of the moment a process was killed.
  enum Place { before_database, import, plan, before_first_request, recovery, midst, k_places };
  constexpr std::array<const char*, k_places> k_place_names{
      "before there was a database", "while importing",          "while planning",
      "before the first request",    "while reading back first", "amid invalidating"};

  struct Tally {
    std::array<int, k_places> killed_at{};
    int jobs = 0, starts = 0, ended_by_themselves = 0;
    Witness::Requests requests;
    std::vector<std::string> failures;

    int kills() const {
      int sum = 0;
      for (const int count : killed_at) sum += count;
      return sum;
    }
    void add(const Tally& other) {
      for (std::size_t i = 0; i < k_places; ++i) killed_at[i] += other.killed_at[i];
      jobs += other.jobs, starts += other.starts, ended_by_themselves += other.ended_by_themselves;
      requests.invalidations += other.requests.invalidations;
      requests.read_backs += other.requests.read_backs;
      requests.after_invalid += other.requests.after_invalid;
      failures.insert(failures.end(), other.failures.begin(), other.failures.end());
    }
  };

  class Dice {
   public:
    explicit Dice(std::uint64_t seed) : engine_{sandbox::mix(seed)} {}
    std::int64_t up_to(std::int64_t most) {
      return std::uniform_int_distribution{std::int64_t{0}, most}(engine_);
    }
    bool chance(int percent) { return up_to(99) < percent; }
    std::mt19937_64& engine() { return engine_; }

   private:
    std::mt19937_64 engine_;
  };

  constexpr int k_members = 120, k_unknown = 2, k_wrong_openids = 2, k_contradicting = 3;

  // An input that takes a while to read: the members among lines that are refused, duplicates and
  // contradictions. The platform knows all of these cards, and some that no list names.
  sandbox::Scene::Files draw_files(Dice& dice, int lines) {
    using Cells = std::vector<std::string>;
    const auto openid = [](int i) { return fmt::format("oCrash{:05}uMuAJO_M2pxb1Q9zN", i); };
    const auto code = [](int i) { return fmt::format("crash/{:05}?", i); };
    std::vector<Cells> members, input;
    sandbox::Scene::Files files;
    auto& cards = files["cards.csv"];
    auto& csv = files["members.csv"];
    sandbox::append_csv_row(cards, {"brand_id", "card_id", "code", "openid", "state", "invalid_time"});
    for (int i = 0; i < k_members + k_contradicting + 20; ++i) {
      if (i >= k_unknown)
        sandbox::append_csv_row(cards, {std::string{sandbox::k_brand_id}, std::string{sandbox::k_card_id},
                                        code(i), openid(i), "EFFECTIVE", ""});
      if (i >= k_members + k_contradicting) continue;
      const bool is_wrong = i >= k_unknown && i < k_unknown + k_wrong_openids;
      members.push_back({code(i), is_wrong ? openid(99'999) : openid(i), i % 3 ? "会员计划已结束" : ""});
    }
    input = members;
    for (int i = k_members; i < k_members + k_contradicting; ++i)
      input.push_back({code(i), openid(99'998), "会员计划已结束"});
    while (static_cast<int>(input.size()) < lines) {
      if (dice.chance(50))
        input.push_back(members[static_cast<std::size_t>(dice.up_to(k_members - 1))]);
      else
        input.push_back({std::string(40, 'x') + std::to_string(input.size()), "oRefused", "门店关闭"});
    }
    std::shuffle(input.begin(), input.end(), dice.engine());
    sandbox::append_csv_row(csv, {"code", "openid", "reason"});
    for (const auto& line : input) sandbox::append_csv_row(csv, {line[0], line[1], line[2]});
    return files;
  }

  sandbox::Settings draw_weather(Dice& dice) {
    using enum sandbox::Fault;
    auto settings = sandbox::plain_settings();
    settings.seed = static_cast<std::uint64_t>(dice.up_to(1'000'000));
    settings.latency_max = milliseconds{dice.up_to(80)};
    for (const auto fault : {system_error, system_error_applied, gateway, reset, reset_applied, bad_signature,
                             probe_signature, stale_timestamp, truncated})
      settings.faults[fault] = static_cast<double>(dice.up_to(30)) / 1000;
    for (const auto fault : {no_answer, no_answer_applied, slow, throttle, wrong_card, not_invalid})
      settings.faults[fault] = static_cast<double>(dice.up_to(5)) / 1000;
    settings.fault_read_backs = dice.chance(50);
    if (dice.chance(30)) settings.read_back_lag = milliseconds{dice.up_to(300)};
    if (dice.chance(30)) settings.already_invalid = sandbox::AlreadyInvalid::error_400;
    return settings;
  }

  // One job from its first start to its end, killed on the way.
  class Victim {
   public:
    Victim(std::uint64_t seed, int lines, Tally& tally)
        : seed_{seed},
          dice_{seed},
          tally_{tally},
          stage_{witness_.watching(draw_weather(dice_)), draw_files(dice_, lines)} {
      const std::vector<std::string> elsewhere{"--results", (stage_.dir / "trial.db").string()};
      run_to_end("plan", elsewhere);
      const auto begun = std::chrono::steady_clock::now();
      run_to_end("plan", elsewhere);  // most starts find the rows there
      reading_takes_ = std::chrono::duration_cast<milliseconds>(std::chrono::steady_clock::now() - begun);
      ++tally_.jobs;
    }

    // Ends with a kill, or with the job.
    bool is_done_before_next_kill() {
      const auto before = look();
      const auto requests_before = witness_.requests();
      const auto command = draw_command(before);
      ++tally_.starts;
      const auto program = stage_.start(command, flags_for(command));
      wait_for_the_moment(*program, requests_before.all(), command);
      program->send_signal(SIGKILL);
      const auto ended = program->wait();
      const auto after = look();
      if (ended.signal == SIGKILL) {
        auto requests = witness_.requests();
        requests.invalidations -= requests_before.invalidations;
        requests.read_backs -= requests_before.read_backs;
        ++tally_.killed_at[place_of(before, after, requests)];
      } else {
        ++tally_.ended_by_themselves;
        check_exit_code(command, ended);
      }
      compare(false, fmt::format("after `{}` no. {}", command, tally_.starts));
      return command == "run" && ended.exit_code >= 0 && ended.exit_code <= 1;
    }

    // Left alone the job completes, though a fault may stop a run now and then. Cards held by such a stop are
    // for `reconcile`.
    void complete() {
      Ended ended;
      for (int runs = 0; runs < 12; ++runs) {
        const std::string command = runs % 3 == 2 ? "reconcile" : "run";
        ended = run_to_end(command, flags_for(command));
        check_exit_code(command, ended);
        if (command == "run" && ended.exit_code >= 0 && ended.exit_code <= 1) break;
      }
      if (ended.exit_code != 1) fail(fmt::format("the job does not come to its end: {}", ended.err));
      compare(true, "at the end");
      const auto expect = [&](const char* status, int count) {
        if (const auto there = stage_.count(fmt::format("status = '{}'", status)); there != count)
          fail(fmt::format("{} rows are {}, not {}", there, status, count));
      };
      expect("invalidated", k_members - k_unknown - k_wrong_openids);
      expect("rejected", k_unknown + k_wrong_openids);
      tally_.requests.invalidations += witness_.requests().invalidations;
      tally_.requests.read_backs += witness_.requests().read_backs;
      tally_.requests.after_invalid += witness_.requests().after_invalid;
    }

   private:
    struct View {
      bool has_tables = false;
      std::int64_t imports = 0, runs = 0;
    };

    Ended run_to_end(const std::string& command, std::vector<std::string> flags) const {
      constexpr auto k_patience = 10min;  // a soak may share the machine with much else
      return stage_.start(command, std::move(flags))->wait(k_patience);
    }

    View look() const {
      const DatabaseCopy copy{stage_.database()};
      if (!copy.has_tables()) return {};
      return {true, copy.number("SELECT count(*) FROM import"), copy.number("SELECT count(*) FROM run")};
    }

    std::string draw_command(const View& view) {
      const auto draw = dice_.up_to(99);
      if (draw < 6) return "plan";
      return draw < 12 && view.runs > 0 ? "reconcile" : "run";
    }

    static std::vector<std::string> flags_for(const std::string& command) {
      std::vector<std::string> flags;
      for (const auto* setting : {"limits.requests_per_second=120", "limits.request_timeout=500ms",
                                  "safety.canary=0", "safety.max_failure_rate=1"})
        flags.insert(flags.end(), {"--set", setting});
      if (command == "run") flags.emplace_back("--yes");
      return flags;
    }

    void wait_for_the_moment(Program& program, std::int64_t requests_before, const std::string& command) {
      const auto reading = reading_takes_.count();
      const auto draw = dice_.up_to(command == "plan" ? 39 : 99);
      if (draw < 10) {  // the very start
        program.ends_within(milliseconds{dice_.up_to(15)});
      } else if (draw < 30) {  // the import
        program.ends_within(milliseconds{dice_.up_to(reading)});
      } else if (draw < 40) {  // around the plan
        program.ends_within(milliseconds{reading * 9 / 10 + dice_.up_to(reading * 3 / 10)});
      } else if (draw < 47) {  // the wait for the pace
        program.ends_within(reading_takes_ + milliseconds{dice_.up_to(1100)});
      } else {
        const bool first_ones = draw < 70;
        const auto most_requests = first_ones ? 4 : k_members / 2;
        const auto wanted = requests_before + 1 + dice_.up_to(most_requests);
        while (!witness_.wait_for_requests(wanted, 20ms) && !program.ends_within(0ms)) {
        }
        if (!first_ones && dice_.chance(20)) program.send_signal(SIGTERM);
        program.ends_within(milliseconds{dice_.up_to(first_ones ? 20 : 120)});
      }
    }

    static Place place_of(const View& before, const View& after, const Witness::Requests& requests) {
      if (!after.has_tables) return before_database;
      if (after.runs == before.runs) return after.imports == before.imports ? import : plan;
      if (requests.all() == 0) return before_first_request;
      return requests.invalidations == 0 ? recovery : midst;
    }

    void check_exit_code(const std::string& command, const Ended& ended) {
      constexpr std::array k_allowed{0, 1, 69, 75, 76, 77};
      if (std::find(k_allowed.begin(), k_allowed.end(), ended.exit_code) == k_allowed.end())
        fail(fmt::format("`{}` ended with {} (signal {}): {}", command, ended.exit_code, ended.signal,
                         ended.err));
    }

    void compare(bool settled, const std::string& when) {
      const auto found = contradictions(stage_.database(), *stage_.sandbox, witness_, settled);
      for (std::size_t i = 0; i < std::min<std::size_t>(found.size(), 3); ++i) fail(when + ": " + found[i]);
      if (found.size() > 3) fail(fmt::format("{}: {} contradictions in all", when, found.size()));
    }

    void fail(const std::string& what) {
      tally_.failures.push_back(fmt::format("job with seed {}: {}", seed_, what));
      const auto* evidence = std::getenv("CARDVOID_EVIDENCE");
      if (!evidence || std::exchange(evidence_kept_, true)) return;
      const auto folder = fs::path{evidence} / std::to_string(seed_);
      fs::create_directories(folder);
      fs::copy(stage_.dir, folder, fs::copy_options::recursive | fs::copy_options::overwrite_existing);
      std::ofstream{folder / "applied.csv"} << stage_.sandbox->applied_as_csv();
    }

    const std::uint64_t seed_;
    Dice dice_;
    Tally& tally_;
    Witness witness_;
    Stage stage_;
    milliseconds reading_takes_{};
    bool evidence_kept_ = false;
  };

  // In a soak now and then an input that is imported in more than one transaction.
  int lines_for(std::uint64_t seed, int kills) {
    if (kills < 30) return 4'000;
    return seed % 4 == 0 ? 105'000 : 10'000;
  }

  // Job after job until there were so many kills.
  Tally kill_often(std::uint64_t first_seed, int kills, bool talks) {
    Tally tally;
    const auto goes_on = [&] { return tally.kills() < kills && tally.failures.empty(); };
    for (auto seed = first_seed; goes_on(); ++seed) {
      Victim victim{seed, lines_for(seed, kills), tally};
      while (goes_on() && !victim.is_done_before_next_kill()) {
      }
      if (tally.failures.empty()) victim.complete();
      if (talks) fmt::print("seed {}: {} of {} kills\n", seed, tally.kills(), kills), std::fflush(stdout);
    }
    return tally;
  }

  std::optional<std::uint64_t> number_from_environment(const char* name) {
    const auto* text = std::getenv(name);
    return text ? std::optional{std::stoull(text)} : std::nullopt;
  }

  }  // namespace

  TEST_CASE("killed at random moments the same command completes and every claim is the platform's own") {
    const auto asked_kills = number_from_environment("CARDVOID_KILLS");
    const auto kills = static_cast<int>(asked_kills.value_or(15));
    const auto seed = number_from_environment("CARDVOID_SEED").value_or(std::random_device{}());
    const auto begun = std::chrono::steady_clock::now();

    // A run after a killed one waits a second for the pace's sake; so there are three jobs at a time.
    constexpr int k_lanes = 3;
    std::vector<std::future<Tally>> lanes;
    for (int lane = 0; lane < k_lanes; ++lane)
      lanes.push_back(std::async(std::launch::async, kill_often,
                                 seed + static_cast<std::uint64_t>(lane) * 1'000'000,
                                 (kills + k_lanes - 1 - lane) / k_lanes, asked_kills.has_value()));
    Tally tally;
    for (auto& lane : lanes) tally.add(lane.get());

    auto summary = fmt::format("CARDVOID_SEED={} CARDVOID_KILLS={}: {} kills of {} processes in {} jobs",
                               seed, kills, tally.kills(), tally.starts, tally.jobs);
    for (std::size_t place = 0; place < k_places; ++place)
      summary += fmt::format("\n  {:>5} {}", tally.killed_at[place], k_place_names[place]);
    summary += fmt::format(
        "\n  {:>5} processes ended before the kill came\n  {:>5} invalidations and {} read-backs reached the "
        "platform; {} of the former for cards INVALID already, after a lost answer\n  {:>5} seconds",
        tally.ended_by_themselves, tally.requests.invalidations, tally.requests.read_backs,
        tally.requests.after_invalid,
        std::chrono::duration_cast<std::chrono::seconds>(std::chrono::steady_clock::now() - begun).count());
    if (asked_kills) fmt::print("{}\n", summary);
    INFO(summary);
    for (const auto& failure : tally.failures) FAIL_CHECK(failure);
    CHECK(tally.kills() == kills);
  }
}
