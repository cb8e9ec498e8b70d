#pragma once
// Both endpoints, their thread, the signing threads and the schedule of outages.

#include <cardvoid/base/clock.hpp>
#include <cardvoid/base/error.hpp>
#include <cardvoid/sandbox/sandbox.hpp>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace cardvoid::sandbox {

class Simulator;
class Answerer;

struct ServerSettings {
  std::uint16_t primary_port = 0, backup_port = 0;
  milliseconds idle_limit{8'000};
  std::string certificate_pem, key_pem;
  milliseconds clock_offset{0};
  Clock clock;
};

// Thread-safe once started.
class Server {
 public:
  // Listens on both ports; `simulator` and `answerer` must outlive the server. Nothing is served before
  // run().
  static Result<std::unique_ptr<Server>> open(const ServerSettings& settings, Simulator& simulator,
                                              Answerer& answerer);
  ~Server();

  std::uint16_t port(model::Endpoint endpoint) const;
  void run(const std::vector<Outage>& schedule);  // starts the threads; outages count from now

  // In effect when it returns.
  void set_outage(model::Endpoint endpoint, std::optional<Outage::Kind> kind);

 private:
  struct State;
  explicit Server(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace cardvoid::sandbox
