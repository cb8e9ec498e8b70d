#pragma once
// The run's side of steering: a Unix socket. Never waits for a client.

#include <sys/types.h>
#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cardvoid/base/error.hpp>
#include <cardvoid/base/file.hpp>
#include <cardvoid/run/steering.hpp>
#include <filesystem>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <string>

namespace cardvoid::run {

// Runs on the context's thread. Drops clients that send nothing, too much or nonsense, and the oldest if
// there are too many. Must outlive the last handler of the context after close().
class SteeringServer {
 public:
  // Gives the answer to the client, unless one was given before.
  using Answered = std::function<void(const SteeringAnswer&)>;
  // Carries out a command of the user `by`. The answer that it returns is given when `answered` is called,
  // that is when `status` shows the change, and after a short while in any case. nullopt: only `answered`
  // gives one, perhaps never.
  using Steer =
      std::function<std::optional<SteeringAnswer>(const Steering&, const std::string& by, Answered answered)>;

  SteeringServer(boost::asio::io_context& io, Steer steer);
  SteeringServer(const SteeringServer&) = delete;
  SteeringServer& operator=(const SteeringServer&) = delete;
  ~SteeringServer() { close(); }

  // Listens beside this database, whose lock the caller holds. So a socket that is already there was left by
  // a killed run, and is replaced. Error: io (74).
  Result<void> open(const std::filesystem::path& database);
  // Sends the answers that are still owed and removes the socket. No command comes after it.
  void close();

 private:
  struct Session;
  using Sessions = std::list<std::shared_ptr<Session>>;

  Result<void> listen(const std::filesystem::path& path);
  void accept();
  void begin(boost::asio::local::stream_protocol::socket socket);
  void read(const std::shared_ptr<Session>& session);
  void carry_out(const std::shared_ptr<Session>& session, std::string_view line);
  void answer(const std::shared_ptr<Session>& session);
  void drop(const std::shared_ptr<Session>& session);

  boost::asio::io_context& io_;
  Steer steer_;
  boost::asio::local::stream_protocol::acceptor acceptor_;
  boost::asio::steady_timer retry_;
  Sessions sessions_;
  FileDescriptor folder_;
  std::string name_;  // of the socket in its folder; empty: none
  ino_t inode_ = 0;
  uid_t owner_;
  std::string owner_name_;  // looked up at the start: a directory service may be slow
};

}  // namespace cardvoid::run
