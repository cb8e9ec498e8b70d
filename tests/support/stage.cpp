#include "support/stage.hpp"

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <algorithm>
#include <cardvoid/sqlite/connection.hpp>
#include <map>
#include <ostream>

namespace cardvoid::support {

using namespace std::chrono_literals;

Stage::Stage(const sandbox::Settings& settings, const Files& files, Safety safety)
    : Scene{settings, spare_keys, files} {
  if (safety == as_given) return;
  job_with("[safety]\n", "[safety]\ncanary = 0\nmax_failure_rate = 1.0\n", "sandbox.toml");
}

void Stage::write(const std::string& name, std::string_view content) const {
  REQUIRE(write_private_file(dir / name, content).has_value());
}

std::string Stage::read(const std::string& name) const {
  return read_file(dir / name, 1 << 26, Errc::no_input).value();
}

std::string Stage::job_with(std::string_view from, std::string_view to, const std::string& name) const {
  auto text = read("sandbox.toml");
  const auto at = text.find(from);
  REQUIRE(at != std::string::npos);
  text.replace(at, from.size(), to);
  write(name, text);
  return (dir / name).string();
}

std::vector<std::string> Stage::words(const std::string& command, std::vector<std::string> flags) const {
  std::vector<std::string> all{
      command, job(), "--set", "limits.backoff_base=20ms", "--set", "limits.failover_cooldown=1s"};
  all.insert(all.end(), flags.begin(), flags.end());
  return all;
}

Ended Stage::run(const std::string& command, std::vector<std::string> flags) const {
  return support::run(words(command, std::move(flags)));
}

std::unique_ptr<Program> Stage::start(const std::string& command, std::vector<std::string> flags) const {
  return std::make_unique<Program>(words(command, std::move(flags)));
}

std::vector<Line> ask_database(const std::filesystem::path& database, std::string_view sql) {
  sqlite::Connection db{database, sqlite::Mode::read_write};
  db.execute("PRAGMA busy_timeout = 10000; PRAGMA query_only = 1");
  sqlite::Statement statement{db, sql};
  statement.bind();
  std::vector<Line> lines;
  while (statement.step()) {
    auto& line = lines.emplace_back();
    for (int column = 0; column < statement.columns(); ++column)
      line.emplace_back(statement.is_null(column) ? "NULL" : statement.text(column));
  }
  return lines;
}

std::int64_t Stage::count(std::string_view condition) const {
  return std::stoll(ask_results(fmt::format("SELECT count(*) FROM results WHERE {}", condition))[0][0]);
}

void Stage::wait_until(std::string_view condition, std::int64_t at_least) const {
  const auto has_come = [&] {
    try {
      return count(condition) >= at_least;
    } catch (const sqlite::Failure&) {  // the database is not there yet
      return false;
    }
  };
  wait_until(has_come, fmt::format("{} rows with {}", at_least, condition));
}

void Stage::wait_until(const std::function<bool()>& is_so, const std::string& what) const {
  const FileDescriptor changes{::inotify_init1(IN_CLOEXEC)};
  REQUIRE(::inotify_add_watch(changes.get(), dir.c_str(), IN_MODIFY | IN_CREATE | IN_MOVED_TO) >= 0);
  const auto deadline = std::chrono::steady_clock::now() + 60s;
  while (!is_so()) {
    const auto left =
        std::chrono::duration_cast<milliseconds>(deadline - std::chrono::steady_clock::now()).count();
    REQUIRE_MESSAGE(left > 0, "waited in vain for ", what);
    // A commit shows in shared memory a moment after its bytes are written, so look again now and then.
    pollfd changed{changes.get(), POLLIN, 0};
    char events[4096];
    if (::poll(&changed, 1, static_cast<int>(std::min<std::int64_t>(left, 100))) == 1)
      REQUIRE(::read(changes.get(), events, sizeof events) > 0);
  }
}

void Stage::check_against_truth(bool settled) const {
  std::map<std::string, std::string> invalid_since;
  for (const auto& card : sandbox->applied())
    invalid_since[card.brand_id + "/" + card.card_id + "/" + card.code] = card.invalid_time;
  std::size_t claimed = 0;
  for (const auto& row :
       ask_results("SELECT brand_id, card_id, code, invalid_time, card_state, settled_by FROM results WHERE "
                   "status = 'invalidated'")) {
    ++claimed;
    const auto found = invalid_since.find(row[0] + "/" + row[1] + "/" + row[2]);
    REQUIRE_MESSAGE(found != invalid_since.end(), "claimed invalid and is not: ", row[2]);
    CHECK_MESSAGE(found->second == row[3], row[2]);
    CHECK(row[4] == "INVALID");
    CHECK(row[5] != "NULL");
  }
  if (settled) CHECK(claimed == invalid_since.size());
}

std::string plain_members(int count) {
  std::string csv = "code,card_id,openid,reason\r\n";
  for (int i = 0; i < count; ++i)
    csv += fmt::format(
        "card{:04},pbLatjvWOibDc5-TBnbUk1pD12o0,oPlain{:04}uMuAJO_M2pxb1Q9zN,会员计划已结束\r\n", i, i);
  return csv;
}

Stage stage_of(int members, const sandbox::Settings& settings) {
  return Stage{settings, {{"members.csv", plain_members(members)}}};
}

}  // namespace cardvoid::support
