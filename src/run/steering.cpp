#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/json.hpp>
#include <cardvoid/base/file.hpp>
#include <cardvoid/base/host.hpp>
#include <cardvoid/base/json.hpp>
#include <cardvoid/base/spoken.hpp>
#include <cardvoid/base/translate.hpp>
#include <cardvoid/ledger/lock.hpp>
#include <cardvoid/model/own_files.hpp>
#include <cardvoid/run/steering.hpp>
#include <cerrno>
#include <chrono>
#include <cmath>
#include <cstring>
#include <limits>
#include <span>

// The side of the command, and the messages of both sides.
namespace cardvoid::run {

namespace {

constexpr Steering::Command k_commands[] = {Steering::pause, Steering::resume,  Steering::stop,
                                            Steering::rate,  Steering::protect, Steering::unprotect};
constexpr std::size_t k_longest_answer_bytes = 8192;

// 0 or one of ours: a peer chooses no other.
bool is_exit_code(std::int64_t code) {
  using enum Errc;
  constexpr std::array k_known{usage, bad_input, no_input, unavailable,     internal, cannot_create,
                               io,    stopped,   tripped,  bad_credentials, bad_job};
  return code == 0 || std::any_of(k_known.begin(), k_known.end(),
                                  [code](Errc known) { return code == static_cast<int>(known); });
}

// No run listens there. The lock may show why.
Error no_run_listens(const std::filesystem::path& database) {
  const auto holder = ledger::Lock::holder(database);
  if (!holder)
    return {Errc::stopped, tr("{}: no run is under way on this job; nothing was changed", database.string())};
  const auto who = to_text(*holder);
  if (!holder->command.empty() && holder->command != "run" && holder->command != "reconcile")
    return {Errc::stopped,
            tr("{}: {} is under way, which sends nothing; nothing was changed", database.string(), who)};
  return {Errc::stopped, tr("{}: {} takes no commands at present: it is still reading its input, asking for "
                            "confirmation, or ending; nothing was changed; try again, or end it with kill {}",
                            database.string(), who, holder->pid)};
}

Error another_users(const std::filesystem::path& socket) {
  return {Errc::bad_credentials,
          tr("{}: permission denied; only the user whose run it is and root can steer it", socket.string())};
}

// It would answer no one, however long one waits. nullopt: it is not, or that cannot be told.
std::optional<Error> suspended(const std::filesystem::path& database, const std::string& so) {
  const auto holder = ledger::Lock::holder(database);
  if (!holder || !ledger::is_suspended(*holder)) return std::nullopt;
  return Error{Errc::stopped,
               tr("{}: {} is suspended (Ctrl-Z or SIGSTOP); {}; to let it go on, type fg where it was "
                  "started, or kill -CONT {}",
                  database.string(), to_text(*holder), so, holder->pid)};
}

Error no_word(const std::filesystem::path& database, const std::string& why) {
  if (auto error = suspended(database, tr("what was asked may take effect when it goes on"))) return *error;
  return {Errc::stopped, tr("{}: {}; it is not known whether the command took effect: see `cardvoid status`",
                            database.string(), why)};
}

// Of connecting and sending, which a peer can hold up only by not accepting.
void set_patience(int socket, milliseconds patience) {
  timeval time{};
  time.tv_sec = patience.count() / 1000;
  time.tv_usec = patience.count() % 1000 * 1000;
  ::setsockopt(socket, SOL_SOCKET, SO_SNDTIMEO, &time, sizeof time);
}

// A run is this user's or root's, or, when root asks, of whom the database belongs to. The socket may have
// been put there by anybody who can write to its folder.
Result<void> check_peer(int socket, const std::filesystem::path& path,
                        const std::filesystem::path& database) {
  ucred peer{};
  socklen_t size = sizeof peer;
  if (::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0)
    return Error{Errc::bad_credentials, tr("{}: its user cannot be told: {}; nothing was changed",
                                           path.string(), std::strerror(errno))};
  struct stat facts {};
  const bool is_owners =
      ::geteuid() == 0 && ::stat(database.c_str(), &facts) == 0 && facts.st_uid == peer.uid;
  if (peer.uid == ::geteuid() || peer.uid == 0 || is_owners) return {};
  return Error{
      Errc::bad_credentials,
      tr("{}: a process of {} listens there, which is no run of yours; nothing was sent to it; see who has "
         "put it there, and remove it",
         path.string(), user_name(peer.uid))};
}

// Bytes that come before the time is over. 0: the peer has ended. nullopt: the time is over.
std::optional<std::size_t> receive(int socket, std::span<char> block,
                                   std::chrono::steady_clock::time_point end) {
  for (;;) {
    const auto left = std::chrono::ceil<milliseconds>(end - std::chrono::steady_clock::now());
    pollfd readable{socket, POLLIN, 0};
    const int ready = left.count() > 0 ? ::poll(&readable, 1, static_cast<int>(left.count())) : 0;
    if (ready < 0 && errno == EINTR) continue;
    if (ready == 0) return std::nullopt;
    const auto got = ::recv(socket, block.data(), block.size(), MSG_DONTWAIT);
    if (got < 0 && (errno == EINTR || errno == EAGAIN || errno == EWOULDBLOCK)) continue;
    return static_cast<std::size_t>(std::max<ssize_t>(got, 0));
  }
}

}  // namespace

std::string_view to_text(Steering::Command command) {
  switch (command) {
    case Steering::pause: return "pause";
    case Steering::resume: return "resume";
    case Steering::stop: return "stop";
    case Steering::rate: return "rate";
    case Steering::protect: return "protect";
    case Steering::unprotect: return "unprotect";
  }
  return "";
}

bool is_about_protection(Steering::Command command) {
  return command == Steering::protect || command == Steering::unprotect;
}

std::string as_json(const Steering& steering) {
  boost::json::object object{{"command", to_text(steering.command)}};
  if (steering.command == Steering::rate) object["requests_per_second"] = steering.requests_per_second;
  if (is_about_protection(steering.command)) {
    object["code"] = steering.who.code;
    object["openid"] = steering.who.openid;
    object["note"] = steering.note;
  }
  return to_json(object);
}

std::string as_json(const SteeringAnswer& answer) {
  boost::json::object object{{"code", answer.code},
                             {"state", answer.state},
                             {"message", answer.message},
                             {"in_flight", answer.in_flight},
                             {"requests_per_second", answer.requests_per_second}};
  if (answer.protection) object["protection"] = as_json(*answer.protection);
  if (answer.unprotected)
    object["unprotected"] =
        boost::json::object{{"entries", answer.unprotected->entries}, {"rows", answer.unprotected->rows}};
  return to_json(object);
}

std::optional<Steering> steering_from_json(std::string_view text) {
  const auto object = object_from_json(text);
  if (!object) return std::nullopt;
  const auto word = text_in(*object, "command");
  for (const auto command : k_commands) {
    if (word != to_text(command)) continue;
    Steering steering{command};
    if (command == Steering::rate) {
      const auto rate = number_in(*object, "requests_per_second");
      if (!rate || !std::isfinite(*rate)) return std::nullopt;
      steering.requests_per_second = *rate;
    }
    if (is_about_protection(command)) {
      steering.who = {text_in(*object, "code").value_or(""), text_in(*object, "openid").value_or("")};
      steering.note = text_in(*object, "note").value_or("");
      if (steering.who.code.empty() == steering.who.openid.empty()) return std::nullopt;
    }
    return steering;
  }
  return std::nullopt;
}

std::optional<SteeringAnswer> steering_answer_from_json(std::string_view text) {
  const auto object = object_from_json(text);
  const auto code = object ? whole_number_in(*object, "code") : std::nullopt;
  if (!code || !is_exit_code(*code)) return std::nullopt;
  SteeringAnswer answer;
  answer.code = static_cast<int>(*code);
  answer.message = text_in(*object, "message").value_or("");
  answer.state = text_in(*object, "state").value_or("");
  const auto in_flight = whole_number_in(*object, "in_flight").value_or(0);
  answer.in_flight =
      static_cast<int>(std::clamp<std::int64_t>(in_flight, 0, std::numeric_limits<int>::max()));
  answer.requests_per_second = number_in(*object, "requests_per_second").value_or(0);
  if (const auto* found = object->if_contains("protection"); found && found->is_object())
    answer.protection = protected_from_json(found->get_object());
  if (const auto* found = object->if_contains("unprotected"); found && found->is_object()) {
    const auto& counts = found->get_object();
    answer.unprotected = {whole_number_in(counts, "entries").value_or(0),
                          whole_number_in(counts, "rows").value_or(0)};
  }
  return answer;
}

std::filesystem::path steering_socket(const std::filesystem::path& database) {
  return real_path(database).string() + model::k_socket_suffix;
}

Result<SteeringAnswer> steer(const std::filesystem::path& database, const Steering& steering,
                             milliseconds patience) {
  const auto path = steering_socket(database);
  const auto end = std::chrono::steady_clock::now() + patience;
  // A protection is sent all the same: it is then the first thing that the run hears of.
  if (!is_about_protection(steering.command))
    if (auto error = suspended(database, tr("nothing was changed"))) return *error;
  // Through its descriptor, since an address holds 107 bytes and a path may be longer.
  const FileDescriptor name{::open(path.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC)};
  if (!name) return errno == EACCES ? another_users(path) : no_run_listens(database);
  struct stat facts {};
  if (::fstat(name.get(), &facts) != 0 || !S_ISSOCK(facts.st_mode)) return no_run_listens(database);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  fmt::format_to_n(address.sun_path, sizeof address.sun_path - 1, "/proc/self/fd/{}", name.get());
  const FileDescriptor socket{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  if (!socket) return Error{Errc::io, fmt::format("socket: {}", system_words(errno))};
  set_patience(socket.get(), patience);
  if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    if (errno == EACCES || errno == EPERM) return another_users(path);
    if (errno == EAGAIN) return no_word(database, tr("the run does not take the command"));
    return no_run_listens(database);  // the socket of a run that was killed
  }
  if (const auto ours = check_peer(socket.get(), path, real_path(database)); !ours) return ours.error();
  const auto request = as_json(steering) + "\n";
  (void)::send(socket.get(), request.data(), request.size(), MSG_NOSIGNAL);  // if it fails there is no answer
  std::string answer;
  while (answer.size() < k_longest_answer_bytes) {
    char block[1024];
    const auto got = receive(socket.get(), block, end);
    if (!got) return no_word(database, tr("the run has not answered for {}", spoken_duration(patience)));
    if (*got == 0) return no_word(database, tr("the run ended before it answered"));
    answer.append(block, *got);
    if (const auto line = answer.find('\n'); line != std::string::npos) {
      if (auto read = steering_answer_from_json({answer.data(), line})) return *read;
      break;
    }
  }
  return no_word(database, tr("the run's answer cannot be read; is it another version of cardvoid?"));
}

}  // namespace cardvoid::run
