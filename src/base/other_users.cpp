#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cardvoid/base/file.hpp>
#include <cardvoid/base/host.hpp>
#include <cardvoid/base/other_users.hpp>
#include <cardvoid/base/translate.hpp>

namespace cardvoid {

bool is_ours(uid_t owner) { return owner == ::geteuid() || owner == 0; }

bool leads_to_descriptor(const std::filesystem::path& file) {
  const auto text = file.lexically_normal().string();
  return text.starts_with("/proc/") || text.starts_with("/dev/fd/");
}

Way way_of(const std::filesystem::path& name) {
  constexpr std::size_t k_most_links = 40;  // as the kernel's own limit
  std::error_code error;
  Way way{name, {}, {}, false};
  std::vector<std::filesystem::path> left;  // the next one last
  const auto push = [&](const std::filesystem::path& path) {
    const std::vector<std::filesystem::path> parts{path.begin(), path.end()};
    left.insert(left.end(), parts.rbegin(), parts.rend());
  };
  push(std::filesystem::absolute(name, error));
  auto& at = way.file;
  while (!left.empty()) {
    const auto part = left.back();
    left.pop_back();
    if (part.empty() || part == ".") continue;
    if (part == "..") {
      at = at.parent_path();
      continue;
    }
    const auto next = at / part;  // a root in place of `at` where the part is one
    if (leads_to_descriptor(next) || !std::filesystem::is_symlink(next, error)) {
      at = next;
      continue;
    }
    const auto to = std::filesystem::read_symlink(next, error);
    way.leads_nowhere = error || way.links.size() >= k_most_links;
    if (way.leads_nowhere) return way;
    way.links.push_back(next);
    push(to);
  }
  return way;
}

std::string why_others_lead(const Way& way) {
  for (const auto& link : way.links) {
    struct stat facts {};
    if (::lstat(link.c_str(), &facts) != 0 || is_ours(facts.st_uid)) continue;
    const auto user = user_name(facts.st_uid);
    return link == std::filesystem::absolute(way.name).lexically_normal()
               ? tr("is a symbolic link of {}", user)
               : tr("leads through {}, a symbolic link of {}", link.string(), user);
  }
  return {};
}

namespace {

// `name` is no link of another user.
std::string why_others_rename(const std::filesystem::path& name) {
  auto folder = name.parent_path();
  struct stat facts {};
  while (::stat(folder.c_str(), &facts) != 0 && folder.has_relative_path()) folder = folder.parent_path();
  if (!S_ISDIR(facts.st_mode)) return {};  // who opens the file says so
  if (const auto fault = why_others_change(facts); !fault.empty())
    return tr("lies in {}, which {}", folder.string(), fault);
  facts.st_mode &= ~static_cast<mode_t>(S_ISVTX);
  const bool others_add_names = !why_others_change(facts).empty();
  if (!others_add_names || ::lstat(name.c_str(), &facts) != 0 || S_ISDIR(facts.st_mode) ||
      facts.st_nlink <= 1)
    return {};
  return tr("has {} names (hard links), and lies in {}, where every user can make one", facts.st_nlink,
            folder.string());
}

}  // namespace

std::string why_others_replace(const std::filesystem::path& name) {
  const auto way = way_of(name);
  if (auto fault = why_others_lead(way); !fault.empty()) return fault;
  if (leads_to_descriptor(way.file)) return {};
  for (const auto& link : way.links)
    if (auto fault = why_others_rename(link); !fault.empty()) return fault;
  return why_others_rename(way.file);
}

std::string why_others_decide(const std::filesystem::path& name, const struct stat& facts) {
  auto fault = why_others_change(facts);
  return fault.empty() ? why_others_replace(name) : fault;
}

}  // namespace cardvoid
