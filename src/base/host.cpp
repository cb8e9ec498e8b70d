#include <unistd.h>

#include <cardvoid/base/host.hpp>

namespace cardvoid {

std::string host_name() {
  char name[256] = "";
  ::gethostname(name, sizeof name - 1);
  return name;
}

}  // namespace cardvoid
