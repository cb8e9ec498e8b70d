#pragma once
// One connection: TLS, then requests one after another. Beast and SSL live in session.cpp alone.

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/thread_pool.hpp>
#include <cardvoid/base/clock.hpp>
#include <cardvoid/base/error.hpp>
#include <cardvoid/base/time.hpp>
#include <functional>
#include <memory>
#include <string>

namespace boost::asio::ssl {
class context;
}

namespace cardvoid::sandbox {

class Simulator;
class Answerer;

Result<std::shared_ptr<boost::asio::ssl::context>> make_tls_context(const std::string& certificate_pem,
                                                                    const std::string& key_pem);

// Shared by all sessions; outlives them.
struct Service {
  Simulator& simulator;
  Answerer& answerer;
  boost::asio::thread_pool& signing;  // RSA takes longer than all the rest
  boost::asio::ssl::context& tls;
  milliseconds idle_limit;
  milliseconds clock_offset;  // of the platform's clock to `clock`
  Clock clock;
};

// Everything here runs on the thread of the socket's executor.
class Session {
 public:
  virtual ~Session() = default;
  virtual void cut() = 0;     // the peer sees a reset; the session ends soon after
  virtual void freeze() = 0;  // from now on reads nothing for the platform and answers nothing, until cut

 protected:
  Session() = default;
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;
};

// Starts a session; a frozen one does not even do the handshake. `on_end` is called once, when it has ended.
std::shared_ptr<Session> start_session(boost::asio::ip::tcp::socket socket, const Service& service,
                                       bool frozen, std::function<void()> on_end);

}  // namespace cardvoid::sandbox
