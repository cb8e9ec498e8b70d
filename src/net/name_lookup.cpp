#include "name_lookup.hpp"

#include <fmt/format.h>
#include <netdb.h>
#include <pthread.h>
#include <signal.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cardvoid/base/owned.hpp>
#include <cerrno>
#include <cstring>
#include <mutex>
#include <system_error>
#include <thread>

namespace cardvoid::net {

namespace asio = boost::asio;
constexpr std::chrono::seconds k_shared_for{1};

namespace {

Resolved failed(std::string why) {
  Resolved found;
  found.failure = std::move(why);
  return found;
}

// Blocks signals, since a thread inherits the mask: a signal for the main thread must not end the resolver's
// poll with EINTR, which would look like "no such name".
class BlockedSignals {
 public:
  BlockedSignals() {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  ~BlockedSignals() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

 private:
  sigset_t before_{};
};

}  // namespace

Resolved look_up_by_system(const HostPort& where) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_ADDRCONFIG | AI_NUMERICSERV;
  addrinfo* list = nullptr;
  const int code = ::getaddrinfo(where.host.c_str(), std::to_string(where.port).c_str(), &hints, &list);
  const int system_error = errno;
  const Owned<addrinfo, freeaddrinfo> owned{list};
  if (code == EAI_SYSTEM) return failed(std::strerror(system_error));
  if (code != 0) return failed(::gai_strerror(code));
  Resolved found;
  for (const auto* each = list; each != nullptr; each = each->ai_next) {
    asio::ip::tcp::endpoint address;
    if (each->ai_addrlen > address.capacity()) continue;
    std::memcpy(address.data(), each->ai_addr, each->ai_addrlen);
    address.resize(each->ai_addrlen);
    found.addresses.push_back(address);
  }
  return found.addresses.empty() ? failed("the name has no address") : found;
}

// Shared with the thread, so that a late answer finds it closed and not a destroyed executor.
struct NameLookup::Desk {
  std::mutex mutex;
  bool is_closed = false;
};

// Registered while it waits; removes itself when its coroutine ends in any way.
class NameLookup::Waiter {
 public:
  Waiter(NameLookup& lookup, Instant deadline) : timer{lookup.executor_, deadline}, lookup_{lookup} {
    lookup_.waiters_.push_back(this);
  }
  Waiter(const Waiter&) = delete;
  Waiter& operator=(const Waiter&) = delete;
  ~Waiter() { std::erase(lookup_.waiters_, this); }

  asio::steady_timer timer;
  bool is_served = false;

 private:
  NameLookup& lookup_;
};

NameLookup::NameLookup(asio::any_io_executor executor, HostPort where, Function look_up)
    : executor_{std::move(executor)},
      where_{std::move(where)},
      look_up_{std::move(look_up)},
      desk_{std::make_shared<Desk>()} {
  boost::system::error_code not_an_address;
  const auto address = asio::ip::make_address(where_.host, not_an_address);
  if (!not_an_address) literal_.emplace_back(address, where_.port);
}

NameLookup::~NameLookup() { close(); }

asio::awaitable<Resolved> NameLookup::resolve(Instant deadline) {
  if (is_closed_) co_return failed("the client was closed");
  if (!literal_.empty()) {
    Resolved found;
    found.addresses = literal_;
    co_return found;
  }
  if (!latest_.addresses.empty() && std::chrono::steady_clock::now() - latest_at_ < k_shared_for)
    co_return latest_;
  if (!is_looking_) {
    if (auto why = start(); !why.empty()) co_return failed(std::move(why));
  }
  Waiter waiter{*this, deadline};
  co_await waiter.timer.async_wait(asio::as_tuple(asio::use_awaitable));
  if (waiter.is_served) co_return latest_;
  co_return failed(is_closed_ ? "the client was closed" : "no answer from the resolver in time");
}

std::string NameLookup::start() {
  auto work = [desk = desk_, executor = executor_, where = where_, look_up = look_up_,
               weak = weak_from_this()] {
    auto found = look_up(where);
    // Under the lock: close() returns only before or after this, and after close() no thread touches the
    // executor.
    const std::lock_guard lock{desk->mutex};
    if (desk->is_closed) return;
    asio::post(executor, [weak, found = std::move(found)]() mutable {
      if (const auto self = weak.lock()) self->arrived(std::move(found));
    });
  };
  try {
    const BlockedSignals for_the_new_thread;
    std::thread{std::move(work)}.detach();
  } catch (const std::system_error& error) {
    return fmt::format("cannot start a thread for the lookup: {}", error.what());
  }
  is_looking_ = true;
  return {};
}

void NameLookup::arrived(Resolved found) {
  is_looking_ = false;
  if (is_closed_) return;
  latest_ = std::move(found);
  latest_at_ = std::chrono::steady_clock::now();
  for (auto* waiter : waiters_) {
    waiter->is_served = true;
    waiter->timer.cancel();
  }
}

void NameLookup::close() {
  {
    const std::lock_guard lock{desk_->mutex};
    desk_->is_closed = true;
  }
  is_closed_ = true;
  for (auto* waiter : waiters_) waiter->timer.cancel();
}

}  // namespace cardvoid::net
