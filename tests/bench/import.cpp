#include <fmt/format.h>

#include <array>
#include <cardvoid/input/source.hpp>
#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <stdexcept>

#include "bed.hpp"

// What an import costs: `cardvoid plan` against `sqlite3 .import` of the same file into a table with the same
// columns and the same unique key, which a person needs there too so that no card comes twice, and against
// parsing alone. CARDVOID_BENCH_ROWS sets another number of rows than ten million.
namespace bench {

namespace {

using namespace cardvoid;
namespace fs = std::filesystem;

constexpr std::uint64_t k_rows = 10'000'000;
// Of disk in $TMPDIR: the file, the same in another order, half of it, and one database at a time with its
// log and what is sorted for it.
constexpr std::uint64_t k_bytes_per_row = 900;

std::uint64_t mix(std::uint64_t x) {  // splitmix64
  x += 0x9E3779B97F4A7C15;
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EB;
  return x ^ (x >> 31);
}

// Of row i: random, so that the order of the file says nothing about the order of the key. 24 digits, but for
// one in a hundred with marks that a URL or a CSV file must escape.
std::string code_of(std::uint64_t i) {
  auto code = fmt::format("{:012}{:012}", mix(2 * i) % 1'000'000'000'000, mix(2 * i + 1) % 1'000'000'000'000);
  if (i % 100 == 0) code.replace(0, 6, "\"\"/?, ");
  if (i % 100 == 0) code = '"' + code + '"';
  return code;
}

std::string openid_of(std::uint64_t i) {
  constexpr std::string_view letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  std::string openid(28, 'o');
  auto bits = mix(~i);
  for (std::size_t at = 1; at < openid.size(); ++at) {
    if (at % 10 == 0) bits = mix(bits);
    openid[at] = letters[bits % 64];
    bits /= 64;
  }
  return openid;
}

void remove_database(const fs::path& path) {
  for (const char* suffix : {"", "-wal", "-shm", "-journal"}) fs::remove(path.string() + suffix);
}

}  // namespace

// `step` walks through all rows once, in an order of its own, when it has no divisor in common with them.
void write_csv(const fs::path& path, std::uint64_t rows, std::uint64_t step) {
  constexpr std::array cards{"p1Pj9jr90_SQRaVqYI239Ka1erkI", "p1Pj9jkQ3tB7xUe0sZcW5mVnLd8o",
                             "p1Pj9jzX_y4HfTq2Kg6RwCb1uJaE"};
  constexpr std::array reasons{"门店升级，旧会员卡作废", "会员主动注销", "重复领取"};
  std::ofstream file{path};
  file << "code,openid,card_id,brand_id,reason\n";
  for (std::uint64_t n = 0; n < rows; ++n) {
    const auto i = n * step % rows;
    file << code_of(i) << ',' << openid_of(i) << ',' << cards[mix(i) % cards.size()] << ",40013,"
         << reasons[mix(i) / 3 % reasons.size()] << '\n';
  }
  if (!file.flush()) throw std::runtime_error{"cannot write " + path.string()};
}

void measure_import() {
  const char* const wish = std::getenv("CARDVOID_BENCH_ROWS");
  const auto rows = wish ? std::strtoull(wish, nullptr, 10) : k_rows;
  const Bed bed{1};
  const auto csv = bed.dir / "list.csv", shuffled = bed.dir / "shuffled.csv", half = bed.dir / "half.csv",
             peer_db = bed.dir / "peer.db";
  if (fs::space(bed.dir).available < rows * k_bytes_per_row)
    throw std::runtime_error{fmt::format("import needs {} MB in {}", rows * k_bytes_per_row / 1'000'000,
                                         bed.dir.parent_path().string())};
  write_csv(csv, rows, 1);
  write_csv(shuffled, rows, 7'368'787);  // a prime
  write_csv(half, rows / 2, 1);

  double peer_wall_s = 0, peer_cpu_s = 0;
  const auto show = [&](const char* what, const Used& used, std::optional<Goal> goal = {}) {
    note("import", std::string{what}, used.wall_s, "s");
    note("import", std::string{what} + ": CPU", used.cpu_s, "s");
    note("import", std::string{what} + ": memory", used.resident_mib, "MiB");
    if (peer_wall_s == 0) return;
    note("import", std::string{what} + ", beside .import", used.wall_s / peer_wall_s, "x", goal);
    note("import", std::string{what} + ": CPU, beside .import", used.cpu_s / peer_cpu_s, "x");
  };
  // The shell's own defaults are a rollback journal, synchronous=FULL and 2 MB of cache.
  constexpr std::string_view k_key = ", UNIQUE (brand_id, card_id, code)";
  const auto peer = [&](std::string_view pragmas, std::string_view key) {
    remove_database(peer_db);
    return use({"sqlite3", "-batch", peer_db,
                fmt::format("{}CREATE TABLE row (code TEXT NOT NULL, openid TEXT NOT NULL, card_id TEXT NOT "
                            "NULL, brand_id TEXT NOT NULL, reason TEXT NOT NULL{}) STRICT",
                            pragmas, key),
                fmt::format(".import --csv --skip 1 {} row", csv.string())});
  };
  const auto plan = [&](const fs::path& file, const char* what, std::uint64_t count) {
    auto used = use(bed.words("plan", {"--set", "input.csv=" + file.string()}));
    if (boost::json::parse(used.out).at(what).to_number<std::uint64_t>() != count)
      throw std::runtime_error{fmt::format("{} rows should be {}: {}", count, what, used.out)};
    return used;
  };

  note("import", "rows", static_cast<double>(rows), "");
  const auto by_default = peer("", k_key);
  peer_wall_s = by_default.wall_s, peer_cpu_s = by_default.cpu_s;
  show("sqlite3 .import, its defaults", by_default);
  show("sqlite3 .import, our settings",
       peer("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA cache_size = -8192; ", k_key));
  show("sqlite3 .import, without a key", peer("", ""));
  remove_database(peer_db);
  show("parsing alone", use({fs::read_symlink("/proc/self/exe"), "parse", csv}));
  show("plan, new results database", plan(csv, "added", rows), Goal{0.7});
  show("plan again, everything known", plan(csv, "known", rows));
  show("plan of the rows in another order", plan(shuffled, "known", rows));
  remove_database(bed.dir / "sandbox.db");
  plan(half, "added", rows / 2);
  show("plan of a list that grew to twice its rows", plan(csv, "added", rows - rows / 2));
}

void parse(const char* csv) {
  model::Input input;
  input.csv = csv;
  const auto source = input::open(input, {}, model::Api::partner, "");
  if (!source) throw std::runtime_error{source.error().what};
  for (;;) {
    const auto record = (*source)->next();
    if (!record) throw std::runtime_error{record.error().what};
    if (!*record) return;
  }
}

}  // namespace bench
