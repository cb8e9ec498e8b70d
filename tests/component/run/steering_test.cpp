// The socket that a run is steered through, with clients of every kind.

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <cardvoid/base/file.hpp>
#include <cstdlib>
#include <fstream>
#include <future>
#include <mutex>
#include <ostream>
#include <thread>

#include "steering_server.hpp"
#include "support/temp_folder.hpp"

TEST_SUITE("component") {
  using namespace cardvoid;
  using namespace std::chrono_literals;
  using run::Steering;
  using run::SteeringAnswer;
  using run::SteeringServer;
  using std::chrono::steady_clock;

  namespace {

  // A server on a thread of its own, which writes down what it is asked to do.
  class Server {
   public:
    explicit Server(bool saves = true) : saves_{saves} {
      REQUIRE(server_.open(database()).has_value());
      thread_ = std::thread{[this] { io_.run(); }};
    }
    ~Server() { close(); }
    void close() {
      if (!thread_.joinable()) return;
      boost::asio::post(io_, [this] { server_.close(); });
      thread_.join();
    }
    std::filesystem::path database() const { return folder_.path / "results.db"; }
    std::filesystem::path socket() const { return folder_.path / "results.db.sock"; }
    std::vector<std::string> asked() {
      const std::lock_guard lock{mutex_};
      return asked_;
    }
    Result<SteeringAnswer> steer(const Steering& steering) { return run::steer(database(), steering); }

   private:
    std::optional<SteeringAnswer> carry_out(const Steering& steering, const std::string& by,
                                            SteeringServer::Answered answered) {
      const std::lock_guard lock{mutex_};
      asked_.push_back(std::string{run::to_text(steering.command)} + " by " + by);
      SteeringAnswer answer;
      answer.message = "done";
      answer.requests_per_second = steering.requests_per_second;
      const bool waits = run::is_about_protection(steering.command);
      if (waits) answer.message = steering.who.code + steering.who.openid + " " + steering.note;
      if (saves_) boost::asio::post(io_, [answer, answered = std::move(answered)] { answered(answer); });
      return waits ? std::nullopt : std::optional{answer};
    }

    bool saves_;
    support::TempFolder folder_;
    std::mutex mutex_;
    std::vector<std::string> asked_;
    boost::asio::io_context io_;
    SteeringServer server_{
        io_, [this](const Steering& steering, const std::string& by, SteeringServer::Answered answered) {
          return carry_out(steering, by, std::move(answered));
        }};
    std::thread thread_;
  };

  class Client {
   public:
    explicit Client(const std::filesystem::path& path) {
      sockaddr_un address{};
      address.sun_family = AF_UNIX;
      path.string().copy(address.sun_path, sizeof address.sun_path - 1);
      timeval patience{10, 0};
      ::setsockopt(socket_.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
      REQUIRE(::connect(socket_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
    }
    void say(std::string_view text) {
      (void)::send(socket_.get(), text.data(), text.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    }
    std::string hear() {  // until the other side hangs up
      std::string all;
      char block[4096];
      for (ssize_t got; (got = ::recv(socket_.get(), block, sizeof block, 0)) > 0;)
        all.append(block, static_cast<std::size_t>(got));
      return all;
    }

   private:
    FileDescriptor socket_{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  };

  }  // namespace

  TEST_CASE("steering: commands come through with the name of who gave them") {
    Server server;
    for (const auto command : {Steering::pause, Steering::resume, Steering::stop}) {
      const auto answer = server.steer({command});
      REQUIRE(answer.has_value());
      CHECK(answer->code == 0);
      CHECK(answer->message == "done");
    }
    CHECK(server.steer({Steering::rate, 0.25})->requests_per_second == 0.25);
    const auto asked = server.asked();
    REQUIRE(asked.size() == 4);
    CHECK(asked[0].starts_with("pause by "));
    CHECK(asked[0].size() > std::string_view{"pause by "}.size());
    CHECK(asked[3].starts_with("rate by "));
  }

  TEST_CASE("steering: what is no command is refused and changes nothing") {
    Server server;
    const std::string long_text(100'000, 'x');
    for (const auto& text :
         {std::string{"\n"}, std::string{"pause\n"}, std::string{"{}\n"}, std::string{"[1]\n"},
          std::string{"{\"command\":\"pauses\"}\n"}, std::string{"{\"command\":5}\n"},
          std::string{"{\"command\":\"rate\"}\n"},
          std::string{"{\"command\":\"rate\",\"requests_per_second\":\"5\"}\n"},
          std::string{"{\"command\":\"rate\",\"requests_per_second\":1e999}\n"}, std::string{"\xFF\0\n", 3},
          long_text, std::string(4096, '['), std::string{"{\"command\":\"protect\"}\n"},
          std::string{"{\"command\":\"protect\",\"code\":\"1\",\"openid\":\"o\"}\n"},
          "{\"command\":\"pause\",\"x\":\"" + long_text}) {
      CAPTURE(text.substr(0, 60));
      Client client{server.socket()};
      client.say(text);
      const auto heard = client.hear();
      CHECK(heard.find("\"code\":64") != std::string::npos);
    }
    CHECK(server.asked().empty());
    CHECK(server.steer({Steering::pause}).has_value());
  }

  TEST_CASE("steering: a request in pieces is one request and what follows it is ignored") {
    Server server;
    Client client{server.socket()};
    for (const char c : std::string_view{"{\"command\":\"pause\"}"}) client.say({&c, 1});
    client.say("\n{\"command\":\"stop\"}\n");
    CHECK(client.hear().find("done") != std::string::npos);
    CHECK(server.asked().size() == 1);
  }

  TEST_CASE("steering: silent clients and those that hang up hold up no one and are dropped") {
    Server server;
    std::vector<std::unique_ptr<Client>> silent;
    for (int i = 0; i < 100; ++i) {
      silent.push_back(std::make_unique<Client>(server.socket()));
      if (i % 2) silent.back()->say("{\"command\":");
      Client gone{server.socket()};
      gone.say("{\"command\":\"pause\"");
    }
    const auto begun = steady_clock::now();
    CHECK(server.steer({Steering::pause}).has_value());
    CHECK(steady_clock::now() - begun < 1s);
    for (const auto& client : silent) CHECK(client->hear() == "");
    CHECK(steady_clock::now() - begun < 8s);
    CHECK(server.asked().size() == 1);
  }

  TEST_CASE("steering: an answer does not wait for long until it is saved") {
    Server server{false};
    const auto begun = steady_clock::now();
    CHECK(server.steer({Steering::pause}).has_value());
    CHECK(steady_clock::now() - begun >= 100ms);
    CHECK(steady_clock::now() - begun < 2s);
  }

  TEST_CASE("steering: the answer to protect comes when it is durable and not before") {
    const std::string note(500, '"');
    Steering steering{Steering::protect};
    steering.who.openid = std::string(128, 'o'), steering.note = note;
    {
      Server server;
      const auto answer = server.steer(steering);
      REQUIRE(answer.has_value());
      CHECK(answer->message == steering.who.openid + " " + note);
    }
    Server server{false};
    auto answer = std::async(std::launch::async, [&] { return server.steer(steering); });
    while (server.asked().empty()) std::this_thread::yield();
    CHECK(answer.wait_for(400ms) == std::future_status::timeout);  // others are answered after 150 ms
    server.close();
    REQUIRE(answer.get().has_error());  // the run has ended and promised nothing
  }

  TEST_CASE("steering: an answer that is owed when the run ends is given") {
    Server server{false};
    auto answer = std::async(std::launch::async, [&] { return server.steer({Steering::stop}); });
    while (server.asked().empty()) std::this_thread::yield();
    server.close();
    const auto said = answer.get();
    REQUIRE(said.has_value());
    CHECK(said->message == "done");
    CHECK_FALSE(std::filesystem::exists(server.socket()));
    const auto later = server.steer({Steering::pause});
    REQUIRE(later.has_error());
    CHECK(later.error().code == Errc::stopped);
  }

  TEST_CASE("steering: another user is turned away by the file's mode and by the run itself") {
    if (::geteuid() != 0) return;  // only root can be somebody else
    Server server;
    std::filesystem::permissions(server.socket().parent_path(), std::filesystem::perms::all);
    for (const bool is_open : {false, true}) {
      CAPTURE(is_open);
      if (is_open) std::filesystem::permissions(server.socket(), std::filesystem::perms::all);
      const auto child = ::fork();
      REQUIRE(child >= 0);
      if (child == 0) {
        if (::setuid(65'534) != 0) ::_exit(1);
        const auto answer = server.steer({Steering::pause});
        const auto code = answer ? answer->code : static_cast<int>(answer.error().code);
        ::_exit(code);
      }
      int status = 0;
      ::waitpid(child, &status, 0);
      CHECK(WEXITSTATUS(status) == 77);
    }
    CHECK(server.asked().empty());
  }

  namespace {

  // Who listens in a run's place, and says this or nothing, in drops.
  class Impostor {
   public:
    Impostor(const std::filesystem::path& socket, std::string says) : says_{std::move(says)} {
      sockaddr_un address{};
      address.sun_family = AF_UNIX;
      socket.string().copy(address.sun_path, sizeof address.sun_path - 1);
      REQUIRE(::bind(socket_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
      REQUIRE(::listen(socket_.get(), 8) == 0);
      thread_ = std::thread{[this] { serve(); }};
    }
    ~Impostor() {
      is_over_ = true;
      ::shutdown(socket_.get(), SHUT_RDWR);
      thread_.join();
    }
    std::string heard() const {
      const std::lock_guard lock{mutex_};
      return heard_;
    }

   private:
    void serve() {
      const FileDescriptor peer{::accept4(socket_.get(), nullptr, nullptr, SOCK_CLOEXEC)};
      if (!peer) return;
      char block[4096];
      const auto got = ::recv(peer.get(), block, sizeof block, 0);
      {
        const std::lock_guard lock{mutex_};
        heard_.assign(block, static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
      }
      if (!says_.empty()) (void)::send(peer.get(), says_.data(), says_.size(), MSG_NOSIGNAL);
      while (says_.empty() && !is_over_ && ::send(peer.get(), " ", 1, MSG_NOSIGNAL) == 1)
        std::this_thread::sleep_for(20ms);
    }

    std::string says_;
    mutable std::mutex mutex_;
    std::string heard_;
    std::atomic<bool> is_over_ = false;
    FileDescriptor socket_{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    std::thread thread_;
  };

  }  // namespace

  TEST_CASE("steering: a peer that answers in drops is waited for within the patience") {
    const support::TempFolder folder;
    const Impostor impostor{folder.path / "results.db.sock", ""};
    const auto begun = steady_clock::now();
    const auto answer = run::steer(folder.path / "results.db", {Steering::pause}, 500ms);
    CHECK(steady_clock::now() - begun < 2s);
    REQUIRE(answer.has_error());
    CHECK(answer.error().code == Errc::stopped);
    CHECK(answer.error().what.find("has not answered for") != std::string::npos);
  }

  TEST_CASE("steering: the peer chooses no exit code that is not ours") {
    for (const auto* code : {"1", "2", "63", "67", "68", "71", "72", "79", "126", "137", "255", "-1"}) {
      CHECK_FALSE(run::steering_answer_from_json(std::string{"{\"code\":"} + code + "}").has_value());
      const support::TempFolder folder;
      const Impostor impostor{folder.path / "results.db.sock", std::string{"{\"code\":"} + code + "}\n"};
      const auto answer = run::steer(folder.path / "results.db", {Steering::pause});
      REQUIRE(answer.has_error());
      CHECK(answer.error().code == Errc::stopped);
    }
    for (const auto* code : {"0", "64", "74", "75", "77"})
      CHECK(run::steering_answer_from_json(std::string{"{\"code\":"} + code + "}").has_value());
  }

  TEST_CASE("steering: a socket of another user is told nothing") {
    if (::geteuid() != 0) {
      MESSAGE("not looked at: only root can be somebody else");
      return;
    }
    const support::TempFolder folder;
    std::ofstream{folder.path / "results.db"} << "";
    REQUIRE(::chmod(folder.path.c_str(), 0711) == 0);
    std::filesystem::create_directory(folder.path / "open");
    REQUIRE(::chmod((folder.path / "open").c_str(), 01777) == 0);
    int ready[2];
    REQUIRE(::pipe2(ready, O_CLOEXEC) == 0);
    const auto child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) {  // another user, in a folder where all may make files
      if (::setuid(65'534) != 0) ::_exit(1);
      const FileDescriptor socket{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
      sockaddr_un address{};
      address.sun_family = AF_UNIX;
      (folder.path / "open" / "results.db.sock").string().copy(address.sun_path, sizeof address.sun_path - 1);
      if (::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
          ::listen(socket.get(), 8) != 0 || ::write(ready[1], "x", 1) != 1)
        ::_exit(1);
      const FileDescriptor peer{::accept4(socket.get(), nullptr, nullptr, 0)};
      char block[100];
      ::_exit(::recv(peer.get(), block, sizeof block, 0) == 0 ? 0 : 2);  // it hangs up without a word
    }
    char byte = 0;
    REQUIRE(::read(ready[0], &byte, 1) == 1);
    Steering steering{Steering::protect};
    steering.who.code = "001234567890123456789012";
    const auto answer = run::steer(folder.path / "open" / "results.db", steering);
    REQUIRE(answer.has_error());
    CHECK(answer.error().code == Errc::bad_credentials);
    CHECK(answer.error().what.find("which is no run of yours; nothing was sent to it") != std::string::npos);
    int status = 0;
    ::waitpid(child, &status, 0);
    CHECK(WEXITSTATUS(status) == 0);
    ::close(ready[0]), ::close(ready[1]);
  }

  TEST_CASE("steering: a thousand clients at once do not hold up the one that asks") {
    Server server;
    std::atomic<bool> is_over = false;
    std::thread flood{[&] {
      for (int i = 0; i < 1000 && !is_over; ++i) Client{server.socket()}.say("{");
    }};
    const auto begun = steady_clock::now();
    for (int i = 0; i < 5; ++i) (void)server.steer({Steering::pause});
    CHECK(steady_clock::now() - begun < 5s);
    is_over = true;
    flood.join();
    CHECK(server.steer({Steering::resume}).has_value());
  }

  TEST_CASE("steering: a socket that was left is replaced and anything else in its place is not") {
    const support::TempFolder folder;
    const auto database = folder.path / "results.db", socket = folder.path / "results.db.sock";
    {
      const FileDescriptor left{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
      sockaddr_un address{};
      address.sun_family = AF_UNIX;
      socket.string().copy(address.sun_path, sizeof address.sun_path - 1);
      REQUIRE(::bind(left.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
    }
    CHECK(run::steer(database, {Steering::pause}).error().code == Errc::stopped);
    const auto nothing = [](const Steering&, const std::string&, const SteeringServer::Answered&) {
      return std::optional{SteeringAnswer{}};
    };
    const auto before = ::umask(0);
    {
      boost::asio::io_context io;
      SteeringServer server{io, nothing};
      CHECK(server.open(database).has_value());
      struct stat facts {};
      REQUIRE(::lstat(socket.c_str(), &facts) == 0);
      CHECK((facts.st_mode & 07777) == 0600);  // for any umask
      SUBCASE("it is taken away at the end") { server.close(); }
      SUBCASE("unless it is another one by then") {
        std::filesystem::remove(socket);
        std::ofstream{socket} << "mine";
        server.close();
        CHECK(std::filesystem::remove(socket));
      }
    }
    ::umask(before);
    CHECK_FALSE(std::filesystem::exists(socket));
    std::filesystem::create_symlink("elsewhere", socket);
    boost::asio::io_context io;
    SteeringServer server{io, nothing};
    const auto opened = server.open(database);
    REQUIRE(opened.has_error());
    CHECK(opened.error().what.find("results.db.sock") != std::string::npos);
    CHECK(std::filesystem::is_symlink(socket));
  }

  TEST_CASE("steering: the words on the wire read back as they were") {
    const Steering rate{Steering::rate, 2.5};
    const auto read = run::steering_from_json(run::as_json(rate));
    REQUIRE(read.has_value());
    CHECK(read->command == Steering::rate);
    CHECK(read->requests_per_second == 2.5);
    SteeringAnswer answer;
    answer.code = 64, answer.message = "no \"such\" thing", answer.state = "paused", answer.in_flight = 3;
    const auto told = run::steering_answer_from_json(run::as_json(answer));
    REQUIRE(told.has_value());
    CHECK(told->code == 64);
    CHECK(told->message == answer.message);
    CHECK(told->state == "paused");
    CHECK(told->in_flight == 3);
    Steering protect{Steering::protect};
    protect.who.code = "4785\"", protect.note = "因会员异议";
    const auto asked = run::steering_from_json(run::as_json(protect));
    REQUIRE(asked.has_value());
    CHECK(asked->who.code == protect.who.code);
    CHECK(asked->who.openid == "");
    CHECK(asked->note == protect.note);
    answer.protection.emplace();
    answer.protection->entry = {true, {"alice", *parse_rfc3339("2026-11-29T02:47:11.000Z"), "why"}};
    answer.protection->note({1, 7, "478515832665", model::Status::pending, std::nullopt});
    answer.protection->note(
        {2, 8, "478515832666", model::Status::invalidated, *parse_rfc3339("2026-11-29T02:47:11.250Z")});
    CHECK(run::as_json(answer).find("478515832665") == std::string::npos);
    const auto heard = run::steering_answer_from_json(run::as_json(answer));
    REQUIRE(heard.has_value());
    REQUIRE(heard->protection.has_value());
    CHECK(run::as_json(*heard) == run::as_json(answer));
    CHECK(heard->protection->held == 1);
    CHECK(heard->protection->too_late == 1);
    CHECK(heard->protection->entry.was_there);
    answer.protection.reset();
    answer.unprotected = {2, 3};
    CHECK(run::steering_answer_from_json(run::as_json(answer))->unprotected->rows == 3);
    CHECK_FALSE(run::steering_answer_from_json("{}").has_value());
    CHECK_FALSE(run::steering_answer_from_json("").has_value());
  }
}
