#include <doctest/doctest.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include <boost/json.hpp>
#include <cardvoid/base/file.hpp>
#include <cardvoid/base/text.hpp>
#include <cardvoid/report/progress.hpp>
#include <csignal>
#include <ostream>

TEST_SUITE("component") {
  using namespace cardvoid;
  using namespace std::chrono_literals;
  using report::Progress;
  using report::ProgressMode;

  namespace {

  // A terminal of so many columns; what was written to it comes back byte for byte.
  class Terminal {
   public:
    explicit Terminal(unsigned short columns) : master_{::posix_openpt(O_RDWR | O_NOCTTY)} {
      REQUIRE(master_);
      REQUIRE(::grantpt(master_.get()) == 0);
      REQUIRE(::unlockpt(master_.get()) == 0);
      stream_ = std::fopen(::ptsname(master_.get()), "w");
      REQUIRE(stream_ != nullptr);
      termios raw{};
      ::tcgetattr(::fileno(stream_), &raw);
      ::cfmakeraw(&raw);
      ::tcsetattr(::fileno(stream_), TCSANOW, &raw);
      resize(columns);
    }
    ~Terminal() { std::fclose(stream_); }
    Terminal(const Terminal&) = delete;
    Terminal& operator=(const Terminal&) = delete;
    void resize(unsigned short columns) {
      winsize size{};
      size.ws_row = 24, size.ws_col = columns;
      REQUIRE(::ioctl(::fileno(stream_), TIOCSWINSZ, &size) == 0);
    }
    std::FILE* stream() { return stream_; }
    std::string take() {
      std::string text;
      char block[4096];
      // The kernel hands a terminal's bytes over by and by; of the last of them there is no sign.
      for (pollfd ready{master_.get(), POLLIN, 0};
           ::poll(&ready, 1, 20) > 0 && (ready.revents & POLLIN) != 0;)
        text.append(block, static_cast<std::size_t>(
                               std::max<ssize_t>(::read(master_.get(), block, sizeof block), 0)));
      return text;
    }

   private:
    FileDescriptor master_;
    std::FILE* stream_ = nullptr;
  };

  // A stream that is no terminal.
  class Plain {
   public:
    Plain() : stream_{::open_memstream(&text_, &size_)} {}
    ~Plain() {
      std::fclose(stream_);
      std::free(text_);
    }
    Plain(const Plain&) = delete;
    Plain& operator=(const Plain&) = delete;
    std::FILE* stream() { return stream_; }
    std::string take() {
      std::fflush(stream_);
      const auto all = std::string{text_, size_};
      return all.substr(std::exchange(taken_, all.size()));
    }

   private:
    char* text_ = nullptr;
    std::size_t size_ = 0, taken_ = 0;
    std::FILE* stream_;
  };

  const dispatch::Snapshot k_quiet{};
  const Now k_begin{Instant{1h}, WallTime{1'800'000'000'000ms}};
  Now after(milliseconds passed) { return {k_begin.steady + passed, k_begin.wall + passed}; }

  report::Undertaking undertaking(std::int64_t rows) {
    report::Undertaking made;
    made.job = "gold", made.host = "api.example", made.steering = "gold.toml";
    made.totals.pending = rows;
    return made;
  }
  report::Manner manner(ProgressMode mode) { return {.mode = mode}; }

  std::size_t count_lines(const std::string& text) {
    return static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
  }

  }  // namespace

  TEST_CASE("grouped: thousands are separated") {
    CHECK(grouped(0) == "0");
    CHECK(grouped(999) == "999");
    CHECK(grouped(1000) == "1,000");
    CHECK(grouped(123'456) == "123,456");
    CHECK(grouped(1'234'567) == "1,234,567");
    CHECK(grouped(-100) == "-100");
    CHECK(grouped(-1000) == "-1,000");
    CHECK(grouped(INT64_MAX) == "9,223,372,036,854,775,807");
    CHECK(grouped(INT64_MIN) == "-9,223,372,036,854,775,808");
  }

  TEST_CASE("live: the block replaces itself where it has changed and is taken away at the end") {
    ::setenv("TERM", "xterm", 1);
    Terminal terminal{80};
    Progress progress{manner(ProgressMode::automatic), terminal.stream(), undertaking(1000), k_begin};
    progress.update(k_quiet, {1, 1, 0, 0}, after(1s));
    const auto first = terminal.take();
    CHECK(first.starts_with("gold  api.example  since "));
    CHECK(count_lines(first) == 5);
    CHECK(first.find("0/1,000 0.0%") != std::string::npos);
    progress.update(k_quiet, {1, 1, 0, 0}, after(1100ms));
    CHECK(terminal.take() == "");  // nothing new
    progress.moved({model::Status::pending}, {model::Status::invalidated});
    progress.update(k_quiet, {1, 1, 0, 0}, after(1150ms));
    CHECK(terminal.take() == "");  // not more than ten times a second
    progress.update(k_quiet, {1, 1, 0, 0}, after(1300ms));
    const auto second = terminal.take();
    CHECK(second.starts_with("\r\x1B[5A\r\n"));  // the heading stays
    CHECK(second.find("1/1,000 0.1%") != std::string::npos);
    CHECK(second.find("api.example") == std::string::npos);
    CHECK(second.find("primary") == std::string::npos);
    progress.finish();
    CHECK(terminal.take() == "\r\x1B[5A\x1B[J");
    progress.finish();
    CHECK(terminal.take() == "");
  }

  TEST_CASE("live: it follows the terminal when that changes its size and clears what that has broken") {
    Terminal terminal{80};
    Progress progress{manner(ProgressMode::live), terminal.stream(), undertaking(1000), k_begin};
    progress.update(k_quiet, {}, after(1s));
    terminal.take();
    terminal.resize(30);
    progress.update(k_quiet, {}, after(2s));
    const auto text = terminal.take();
    CHECK(text.find("\x1B[J") != std::string::npos);
    CHECK_FALSE(text.starts_with("\r\x1B[5A"));  // the block has become higher
    terminal.resize(30);
    progress.update(k_quiet, {}, after(3s));
    CHECK(terminal.take().find("\x1B[J") == std::string::npos);
  }

  TEST_CASE("live: when the run was suspended the whole block comes again below what the shell wrote") {
    Terminal terminal{80};
    Progress progress{manner(ProgressMode::live), terminal.stream(), undertaking(1000), k_begin};
    progress.update(k_quiet, {}, after(1s));
    const auto first = terminal.take();
    ::raise(SIGCONT);
    progress.update(k_quiet, {}, after(1200ms));
    CHECK(terminal.take() == first);
  }

  TEST_CASE("live: a terminal that cannot move its cursor gets plain lines") {
    Terminal terminal{80};
    for (const char* name : {"dumb", ""}) {
      ::setenv("TERM", name, 1);
      Progress progress{manner(ProgressMode::automatic), terminal.stream(), undertaking(1000), k_begin};
      progress.update(k_quiet, {}, after(31s));
      const auto text = terminal.take();
      CHECK(text.starts_with("0/1,000 0.0%  "));
      CHECK(text.find('\x1B') == std::string::npos);
    }
    ::setenv("TERM", "xterm", 1);
  }

  TEST_CASE("say: a message goes above the block with its time") {
    Terminal terminal{80};
    Progress progress{manner(ProgressMode::live), terminal.stream(), undertaking(10), k_begin};
    progress.update(k_quiet, {}, after(1s));
    const auto block = terminal.take();
    progress.say("主接口无法访问，改用备用接口");
    const auto said = terminal.take();
    CHECK(said.starts_with("\r\x1B[5A\x1B[J"));
    CHECK(said.find(":") != std::string::npos);
    CHECK(said.find(" 主接口无法访问，改用备用接口\n") != std::string::npos);
    progress.update(k_quiet, {}, after(3s));
    progress.finish();
    progress.say("afterwards");
    CHECK(terminal.take().ends_with(" afterwards\n"));
  }

  TEST_CASE("say: what could steer the terminal is made visible") {
    Plain plain;
    Progress progress{manner(ProgressMode::plain), plain.stream(), undertaking(10), k_begin};
    progress.say("a\x1B[2Jb\rc\nd\xFF 会员");
    CHECK(plain.take() == "a\\x1B[2Jb\\x0Dc\\x0Ad\\xFF 会员\n");
  }

  TEST_CASE("plain: a line each 30 seconds at first and ever more seldom") {
    Plain plain;
    {
      auto with_times = manner(ProgressMode::automatic);  // no terminal
      with_times.has_times = true;
      Progress progress{with_times, plain.stream(), undertaking(1000), k_begin};
      for (int second = 0; second <= 100; ++second)
        progress.update(k_quiet, {second, second, 0, 0}, after(std::chrono::seconds{second} + 500ms));
      const auto text = plain.take();
      CHECK(count_lines(text) == 3);
      CHECK(text.starts_with(report::time_stamp(after(30'500ms).wall) + "0/1,000 0.0%  this run 30  "));
      CHECK(text.find('\x1B') == std::string::npos);
      CHECK(text.find('\r') == std::string::npos);
      for (int second = 101; second <= 4 * 3600; ++second)
        progress.update(k_quiet, {}, after(std::chrono::seconds{second}));
      CHECK(count_lines(plain.take()) == 16 + 55 + 12);
    }
    CHECK(plain.take() == "");
  }

  TEST_CASE("plain: where no one looks there is a heartbeat each ten minutes") {
    Plain plain;
    auto heartbeat = manner(ProgressMode::automatic);
    heartbeat.is_heartbeat = true;
    Progress progress{heartbeat, plain.stream(), undertaking(1000), k_begin};
    for (int second = 0; second <= 3600; ++second)
      progress.update(k_quiet, {}, after(std::chrono::seconds{second}));
    CHECK(count_lines(plain.take()) == 6);
  }

  TEST_CASE("json: each line is one object and the last state comes at the end") {
    Plain plain;
    Progress progress{manner(ProgressMode::json), plain.stream(), undertaking(1000), k_begin};
    dispatch::Snapshot snapshot;
    snapshot.in_flight = 32, snapshot.waiting = 1234;
    snapshot.rate = 4.5, snapshot.measured = 4, snapshot.limit = 5;
    for (int i = 0; i < 200; ++i) progress.moved({model::Status::pending}, {model::Status::invalidated});
    progress.update(snapshot, {9, 6, 2, 1}, after(5s));
    CHECK(plain.take() == "");
    progress.update(snapshot, {19, 16, 2, 1}, after(31s));
    const auto text = plain.take();
    REQUIRE(count_lines(text) == 1);
    CHECK(text.back() == '\n');
    const auto object = boost::json::parse(text).as_object();
    CHECK(object.at("type") == "progress");
    CHECK(object.at("time").as_string() == format_rfc3339(after(31s).wall));
    CHECK(object.at("percent").to_number<double>() == 20);
    CHECK(object.at("to_send") == 1000);
    CHECK(object.at("sent") == 19);
    CHECK(object.at("confirmed") == 16);
    CHECK(object.at("rejected") == 2);
    CHECK(object.at("unresolved") == 1);
    CHECK(object.at("in_flight") == 32);
    CHECK(object.at("waiting") == 1234);
    CHECK(object.at("rate").to_number<double>() == 4);
    CHECK(object.at("allowed_rate") == 4.5);
    CHECK(object.at("seconds_left") == 200);
    CHECK(object.at("done_at").as_string() == format_rfc3339(after(231s).wall));

    progress.finish();
    CHECK(plain.take() == "");  // it was said already
    progress.update(snapshot, {20, 17, 2, 1}, after(32s));
    progress.finish();
    CHECK(boost::json::parse(plain.take()).at("sent") == 20);
    progress.finish();
    CHECK(plain.take() == "");
  }

  TEST_CASE("none: neither progress nor a last state but messages all the same") {
    Plain plain;
    Progress progress{manner(ProgressMode::none), plain.stream(), undertaking(1000), k_begin};
    progress.update(k_quiet, {1, 1, 0, 0}, after(1h));
    progress.finish();
    CHECK(plain.take() == "");
    progress.say("a word");
    CHECK(plain.take() == "a word\n");
  }

  TEST_CASE("broken stream: neither a full device nor a stream for reading throws") {
    for (const auto* way : {"w", "r"}) {
      CAPTURE(way);
      std::FILE* full = std::fopen(*way == 'w' ? "/dev/full" : "/dev/null", way);
      REQUIRE(full != nullptr);
      for (const auto mode : {ProgressMode::live, ProgressMode::plain, ProgressMode::json}) {
        Progress progress{manner(mode), full, undertaking(10), k_begin};
        CHECK_NOTHROW(progress.update(k_quiet, {}, after(1h)));
        CHECK_NOTHROW(progress.say(std::string(100'000, 'x')));
        CHECK_NOTHROW(progress.finish());
      }
      CHECK(std::ferror(full) == 0);  // it would make the exit of the program fail
      std::fclose(full);
    }
  }
}
