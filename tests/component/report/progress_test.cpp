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

  const std::string k_clear = "\r\x1B[K";
  const dispatch::Snapshot k_quiet{};

  // Many digits everywhere, so that the line is long.
  dispatch::Snapshot busy() {
    dispatch::Snapshot snapshot;
    snapshot.in_flight = 32, snapshot.waiting = 1234;
    snapshot.reasons_to_wait = {{"throttled", "paused by 429"},
                                {"rate_set", "2 requests/s, set by al\x1Bice"}};
    return snapshot;
  }
  const ledger::RunCounts k_many{9'876'543, 9'876'000, 321, 222};

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

  TEST_CASE("live: the line replaces itself and is taken away at the end") {
    Terminal terminal{120};
    Progress progress{ProgressMode::automatic, terminal.stream(), 1000};
    progress.update(k_quiet, {1, 1, 0, 0}, {});
    const auto first = terminal.take();
    CHECK(first.starts_with(k_clear + "1/1,000 0.1%  ok 1  "));
    CHECK(count_lines(first) == 0);
    progress.update(k_quiet, {1, 1, 0, 0}, {});
    CHECK(terminal.take() == "");  // nothing new
    progress.update(k_quiet, {3, 1, 1, 1}, {});
    CHECK(terminal.take().starts_with(k_clear + "3/1,000 0.3%  ok 1  rejected 1  unresolved 1  "));
    progress.finish();
    CHECK(terminal.take() == k_clear);
    progress.finish();
    CHECK(terminal.take() == "");
  }

  TEST_CASE("live: the line is narrower than any terminal and counts its columns and not its bytes") {
    for (const int columns : {1, 2, 5, 20, 40, 79, 80, 81, 100, 500}) {
      CAPTURE(columns);
      Terminal terminal{static_cast<unsigned short>(columns)};
      Progress progress{ProgressMode::live, terminal.stream(), 10'000'000};
      progress.update(busy(), k_many, {});
      const auto text = terminal.take();
      if (columns > 1) REQUIRE(text.starts_with(k_clear));
      const auto line = text.substr(std::min(text.size(), k_clear.size()));
      CHECK(display_width(line) < static_cast<std::size_t>(columns));
      CHECK_FALSE(find_invalid_utf8(line).has_value());
      if (columns <= 81)
        CHECK(display_width(line) == static_cast<std::size_t>(columns) - 1);  // none is wasted
      if (columns == 40) CHECK(line.ends_with("…"));
      if (columns == 500)
        CHECK(line.find("  paused by 429  2 requests/s, set by al\\x1Bice  ") != std::string::npos);
    }
  }

  TEST_CASE("live: it follows the terminal when that changes its size") {
    Terminal terminal{200};
    Progress progress{ProgressMode::live, terminal.stream(), 10'000'000};
    progress.update(busy(), k_many, {});
    CHECK(display_width(terminal.take().substr(k_clear.size())) > 60);
    terminal.resize(30);
    progress.update(busy(), k_many, {});
    CHECK(display_width(terminal.take().substr(k_clear.size())) == 29);
  }

  TEST_CASE("say: a message goes above the live line which stays") {
    Terminal terminal{120};
    Progress progress{ProgressMode::live, terminal.stream(), 10};
    progress.say("before the first line");
    CHECK(terminal.take() == "before the first line\n");
    progress.update(k_quiet, {1, 1, 0, 0}, {});
    const auto line = terminal.take().substr(k_clear.size());
    progress.say("主接口无法访问，改用备用接口");
    CHECK(terminal.take() == k_clear + "主接口无法访问，改用备用接口\n" + line);
    progress.finish();
    CHECK(terminal.take() == k_clear);
    progress.say("afterwards");
    CHECK(terminal.take() == "afterwards\n");
  }

  TEST_CASE("say: what could steer the terminal is made visible") {
    Plain plain;
    Progress progress{ProgressMode::plain, plain.stream(), 10};
    progress.say("a\x1B[2Jb\rc\nd\xFF 会员");
    CHECK(plain.take() == "a\\x1B[2Jb\\x0Dc\\x0Ad\\xFF 会员\n");
  }

  TEST_CASE("plain: one line each 30 seconds and none at the end") {
    Plain plain;
    const auto begin = std::chrono::steady_clock::now();
    {
      Progress progress{ProgressMode::automatic, plain.stream(), 1000};  // no terminal
      for (int second = 0; second <= 100; ++second)
        progress.update(k_quiet, {second, second, 0, 0}, begin + std::chrono::seconds{second} + 500ms);
      const auto text = plain.take();
      CHECK(count_lines(text) == 3);
      CHECK(text.starts_with("30/1,000 3.0%  ok 30  "));
      CHECK(text.find('\x1B') == std::string::npos);
      CHECK(text.find('\r') == std::string::npos);
    }
    CHECK(plain.take() == "");
  }

  TEST_CASE("json: each line is one object and the last state comes at the end") {
    Plain plain;
    const auto begin = std::chrono::steady_clock::now();
    Progress progress{ProgressMode::json, plain.stream(), 1000};
    auto snapshot = busy();
    snapshot.rate = 4.5;
    progress.update(snapshot, {9, 6, 2, 1}, begin + 5s);
    CHECK(plain.take() == "");
    progress.update(snapshot, {19, 16, 2, 1}, begin + 31s);
    const auto text = plain.take();
    REQUIRE(count_lines(text) == 1);
    CHECK(text.back() == '\n');
    const auto object = boost::json::parse(text).as_object();
    CHECK(object.at("type") == "progress");
    CHECK(object.at("to_send") == 1000);
    CHECK(object.at("sent") == 19);
    CHECK(object.at("confirmed") == 16);
    CHECK(object.at("rejected") == 2);
    CHECK(object.at("unresolved") == 1);
    CHECK(object.at("in_flight") == 32);
    CHECK(object.at("waiting") == 1234);
    CHECK(object.at("rate") == 4.5);

    progress.finish();
    CHECK(plain.take() == "");  // it was said already
    progress.update(snapshot, {20, 17, 2, 1}, begin + 32s);
    progress.finish();
    CHECK(boost::json::parse(plain.take()).at("sent") == 20);
    progress.finish();
    CHECK(plain.take() == "");
  }

  TEST_CASE("none: neither progress nor a last state but messages all the same") {
    Plain plain;
    Progress progress{ProgressMode::none, plain.stream(), 1000};
    progress.update(k_quiet, {1, 1, 0, 0}, std::chrono::steady_clock::now() + 1h);
    progress.finish();
    CHECK(plain.take() == "");
    progress.say("a word");
    CHECK(plain.take() == "a word\n");
  }

  TEST_CASE("line: it says which endpoint serves and how long it will take") {
    Plain plain;
    const auto begin = std::chrono::steady_clock::now();
    Progress progress{ProgressMode::plain, plain.stream(), 1000};
    using State = dispatch::EndpointHealth::State;
    int minute = 0;
    const auto line = [&](State primary, State backup, std::int64_t done) {
      dispatch::Snapshot snapshot;
      snapshot.primary = primary, snapshot.backup = backup;
      progress.update(snapshot, {done, done, 0, 0}, begin + std::chrono::minutes{++minute});
      return plain.take();
    };
    CHECK(line(State::closed, State::closed, 9).ends_with("  primary\n"));  // too early for a forecast
    CHECK(line(State::open, State::closed, 9).ends_with("  on backup\n"));
    CHECK(line(State::half_open, State::open, 9).ends_with("  no endpoint serves\n"));
    CHECK(line(State::closed, State::open, 500).find("  primary  left ") != std::string::npos);
  }

  TEST_CASE("broken stream: neither a full device nor a stream for reading throws") {
    for (const auto* way : {"w", "r"}) {
      CAPTURE(way);
      std::FILE* full = std::fopen(*way == 'w' ? "/dev/full" : "/dev/null", way);
      REQUIRE(full != nullptr);
      for (const auto mode : {ProgressMode::live, ProgressMode::plain, ProgressMode::json}) {
        Progress progress{mode, full, 10};
        CHECK_NOTHROW(progress.update(k_quiet, k_many, std::chrono::steady_clock::now() + 1h));
        CHECK_NOTHROW(progress.say(std::string(100'000, 'x')));
        CHECK_NOTHROW(progress.finish());
      }
      CHECK(std::ferror(full) == 0);  // it would make the exit of the program fail
      std::fclose(full);
    }
  }
}
