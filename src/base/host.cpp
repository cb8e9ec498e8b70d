#include <fmt/format.h>
#include <pwd.h>
#include <unistd.h>

#include <cardvoid/base/host.hpp>
#include <vector>

namespace cardvoid {

std::string host_name() {
  char name[256] = "";
  ::gethostname(name, sizeof name - 1);
  return name;
}

std::string user_name(uid_t user) {
  passwd entry{};
  passwd* found = nullptr;
  std::vector<char> text(16'384);
  if (::getpwuid_r(user, &entry, text.data(), text.size(), &found) == 0 && found) return found->pw_name;
  return fmt::format("uid {}", user);
}

std::string user_name() { return user_name(::geteuid()); }

}  // namespace cardvoid
