#include "steering_server.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cardvoid/base/host.hpp>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <utility>

namespace cardvoid::run {

namespace {

using namespace std::chrono_literals;
using Protocol = boost::asio::local::stream_protocol;
using boost::system::error_code;

constexpr std::size_t k_most_sessions = 32, k_longest_request_bytes = 4096;
constexpr milliseconds k_patience_with_client = 2s, k_pause_after_failure = 100ms;
// How long an answer waits until `status` shows the change. The change is made even if the database is
// locked.
constexpr auto k_patience_with_store = 150ms;

Error failure(const std::filesystem::path& path, const char* doing) {
  return {Errc::io, fmt::format("{}: cannot {}: {}", path.string(), doing, std::strerror(errno))};
}

bool bind_to(int socket, const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  return ::bind(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
}

// Never replaces an existing file.
bool bind_in(int socket, int folder, const std::string& name) {
  // Through the folder's descriptor, since an address holds 107 bytes and a path may be longer.
  const auto beside = fmt::format("/proc/self/fd/{}/", folder);
  if (const auto path = beside + name; path.size() < sizeof sockaddr_un{}.sun_path)
    return bind_to(socket, path);
  const auto interim = fmt::format(".cardvoid.{}.sock", ::getpid());
  ::unlinkat(folder, interim.c_str(), 0);
  if (!bind_to(socket, beside + interim)) return false;
  const bool linked = ::linkat(folder, interim.c_str(), folder, name.c_str(), 0) == 0;
  const int why = errno;
  ::unlinkat(folder, interim.c_str(), 0);
  errno = why;
  return linked;
}

}  // namespace

struct SteeringServer::Session {
  explicit Session(Protocol::socket connected)
      : socket{std::move(connected)}, deadline{socket.get_executor()} {}
  Protocol::socket socket;
  boost::asio::steady_timer deadline;
  std::array<char, k_longest_request_bytes> request{};
  std::size_t got = 0;
  std::string by, owed;  // owed: the answer that is not sent yet
};

SteeringServer::SteeringServer(boost::asio::io_context& io, Steer steer)
    : io_{io},
      steer_{std::move(steer)},
      acceptor_{io},
      retry_{io},
      owner_{::geteuid()},
      owner_name_{user_name(owner_)} {}

Result<void> SteeringServer::open(const std::filesystem::path& database) {
  const auto path = steering_socket(database);
  folder_ = FileDescriptor{::open(path.parent_path().c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC)};
  if (!folder_) return failure(path.parent_path(), "open the folder");
  if (const auto listening = listen(path); !listening) return listening;
  accept();
  return {};
}

Result<void> SteeringServer::listen(const std::filesystem::path& path) {
  const auto name = path.filename().string();
  struct stat facts {};
  if (::fstatat(folder_.get(), name.c_str(), &facts, AT_SYMLINK_NOFOLLOW) == 0) {
    if (!S_ISSOCK(facts.st_mode))
      return Error{Errc::io, fmt::format("{}: exists and is not a socket; move it away", path.string())};
    ::unlinkat(folder_.get(), name.c_str(), 0);
  }
  FileDescriptor socket{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
  if (!socket) return failure(path, "make a socket");
  ::fchmod(socket.get(), 0600);  // unix_bind() gives the file this mode from the start
  if (!bind_in(socket.get(), folder_.get(), name)) return failure(path, "make the socket");
  if (::fstatat(folder_.get(), name.c_str(), &facts, AT_SYMLINK_NOFOLLOW) != 0)
    return failure(path, "look at the socket");
  name_ = name, inode_ = facts.st_ino;
  if (::listen(socket.get(), SOMAXCONN) != 0) return failure(path, "listen on the socket");
  acceptor_.assign(Protocol{}, socket.release());
  return {};
}

void SteeringServer::close() {
  error_code ignored;
  acceptor_.close(ignored);
  retry_.cancel();
  for (auto sessions = std::exchange(sessions_, {}); const auto& session : sessions) {
    if (!session->owed.empty()) answer(session);
    drop(session);
  }
  struct stat facts {};
  if (!name_.empty() && ::fstatat(folder_.get(), name_.c_str(), &facts, AT_SYMLINK_NOFOLLOW) == 0 &&
      facts.st_ino == inode_ && S_ISSOCK(facts.st_mode))
    ::unlinkat(folder_.get(), name_.c_str(), 0);
  name_.clear();
}

void SteeringServer::accept() {
  acceptor_.async_accept([this](const error_code& error, Protocol::socket socket) {
    if (!acceptor_.is_open()) return;
    if (!error) {
      begin(std::move(socket));
      return accept();
    }
    retry_.expires_after(k_pause_after_failure);  // perhaps no descriptor was left
    retry_.async_wait([this](const error_code& cancelled) {
      if (!cancelled && acceptor_.is_open()) accept();
    });
  });
}

void SteeringServer::begin(Protocol::socket socket) {
  if (sessions_.size() >= k_most_sessions) {
    const auto oldest = sessions_.front();
    if (!oldest->owed.empty()) answer(oldest);
    drop(oldest);
  }
  const auto session = std::make_shared<Session>(std::move(socket));
  sessions_.push_back(session);
  ucred peer{};
  socklen_t size = sizeof peer;
  const bool known =
      ::getsockopt(session->socket.native_handle(), SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0;
  if (!known || (peer.uid != owner_ && peer.uid != 0)) {
    SteeringAnswer refusal;
    refusal.code = static_cast<int>(Errc::bad_credentials);
    refusal.message = fmt::format("the run belongs to {}; only that user and root can steer it", owner_name_);
    session->owed = as_json(refusal) + "\n";
    return answer(session);
  }
  session->by = peer.uid == owner_ ? owner_name_ : "root";
  session->deadline.expires_after(k_patience_with_client);
  session->deadline.async_wait([this, session](const error_code& cancelled) {
    if (!cancelled && session->owed.empty()) drop(session);
  });
  read(session);
}

void SteeringServer::read(const std::shared_ptr<Session>& session) {
  auto& s = *session;
  s.socket.async_read_some(boost::asio::buffer(s.request.data() + s.got, s.request.size() - s.got),
                           [this, session](const error_code& error, std::size_t count) {
                             if (!session->socket.is_open()) return;
                             if (error) return drop(session);
                             const std::string_view fresh{session->request.data() + session->got, count};
                             const auto end = fresh.find('\n');
                             const std::string_view line{
                                 session->request.data(),
                                 session->got + (end == std::string_view::npos ? count : end)};
                             session->got += count;
                             if (end == std::string_view::npos && session->got < session->request.size())
                               return read(session);
                             session->deadline.cancel();
                             carry_out(session, end == std::string_view::npos ? std::string_view{} : line);
                           });
}

void SteeringServer::carry_out(const std::shared_ptr<Session>& session, std::string_view line) {
  const auto steering = steering_from_json(line);
  if (!steering) {
    SteeringAnswer refusal;
    refusal.code = static_cast<int>(Errc::usage);
    refusal.message = "the run does not understand this command; nothing was changed";
    session->owed = as_json(refusal) + "\n";
    return answer(session);
  }
  const std::weak_ptr<Session> asked = session;
  const auto done = steer_(*steering, session->by, [this, asked](const SteeringAnswer& told) {
    const auto waiting = asked.lock();
    if (!waiting) return;
    waiting->owed = as_json(told) + "\n";
    answer(waiting);
  });
  if (!done) return;
  session->owed = as_json(*done) + "\n";
  session->deadline.expires_after(k_patience_with_store);
  session->deadline.async_wait([this, session](const error_code& cancelled) {
    if (!cancelled) answer(session);
  });
}

// Does not block: the answer fits into the socket's empty buffer.
void SteeringServer::answer(const std::shared_ptr<Session>& session) {
  const auto text = std::exchange(session->owed, {});
  if (!session->socket.is_open() || text.empty()) return;
  (void)::send(session->socket.native_handle(), text.data(), text.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  drop(session);
}

void SteeringServer::drop(const std::shared_ptr<Session>& session) {
  error_code ignored;
  session->deadline.cancel();
  session->socket.close(ignored);
  sessions_.remove(session);
}

}  // namespace cardvoid::run
