#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cardvoid/base/file.hpp>
#include <cardvoid/base/text.hpp>
#include <cardvoid/base/translate.hpp>
#include <cardvoid/job/load.hpp>
#include <cardvoid/model/own_files.hpp>
#include <set>
#include <tuple>

#include "document.hpp"
#include "keys.hpp"
#include "mistakes.hpp"
#include "proxy.hpp"

namespace cardvoid::job {

namespace {

constexpr std::size_t k_largest_file = 1 << 20;

// Collects all faults of one file, in the order of its lines.
class Faults {
 public:
  explicit Faults(const std::filesystem::path& file) : file_{file.string()} {}

  void add(Position at, std::string_view path, std::string_view what) {
    std::string where = file_;
    if (at.line > 0) where += fmt::format(":{}", at.line);
    if (at.column > 0) where += fmt::format(":{}", at.column);
    faults_.push_back({at, fmt::format("{}: {}: {}", where, path, what)});
  }
  // For a value from the command line the flag is the position.
  void add(const Leaf& leaf, std::string_view what) {
    if (!leaf.set_by.empty()) return add_set(leaf.set_by, leaf.path, what);
    add(leaf.at, leaf.path, what);
  }
  // For an unknown key the line is enough.
  void add_unknown(std::string_view path, Position at, std::string_view set_by, std::string_view what) {
    if (!set_by.empty()) return add_set(set_by, path, what);
    add({at.line, 0}, path, what);
  }
  bool none() const { return faults_.empty(); }
  std::string text() {
    std::stable_sort(faults_.begin(), faults_.end(), [](const Fault& a, const Fault& b) {
      return std::tie(a.at.line, a.at.column) < std::tie(b.at.line, b.at.column);
    });
    std::string lines;
    for (const auto& fault : faults_) lines += (lines.empty() ? "" : "\n") + fault.what;
    return lines;
  }

 private:
  struct Fault {
    Position at;
    std::string what;
  };
  void add_set(std::string_view set_by, std::string_view path, std::string_view what) {
    faults_.push_back({{~0u, 0}, fmt::format("{} {}: {}", set_by, path, what)});  // after those of the file
  }
  std::string file_;
  std::vector<Fault> faults_;
};

// What a rehearsal has of its own.
constexpr std::array<std::string_view, 6> k_own_keys{
    "merchant.mchid",           "merchant.serial_no", "merchant.private_key_file",
    "merchant.passphrase_file", "safety.acknowledge", "safety.acknowledge_file"};
constexpr std::array<std::string_view, 3> k_own_tables{"platform", "endpoints", "results"};

bool is_of_rehearsal(std::string_view path) {
  const auto is_below = [&](std::string_view table) {
    return path == table || (path.starts_with(table) && path.substr(table.size()).starts_with('.'));
  };
  return std::any_of(k_own_keys.begin(), k_own_keys.end(), is_below) ||
         std::any_of(k_own_tables.begin(), k_own_tables.end(), is_below);
}

void forget_what_a_rehearsal_has(Document& document) {
  std::erase_if(document.leaves, [](const Leaf& leaf) { return is_of_rehearsal(leaf.path); });
  std::erase_if(document.tables, [](const Table& table) { return is_of_rehearsal(table.path); });
}

std::string_view trim(std::string_view text) {
  const auto first = text.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1);
}

bool is_written_as_text(Type type) {
  return type == Type::text || type == Type::path || type == Type::duration;
}

// --set section.key=value. A key for text also takes what TOML reads as a number: mchid=1900000001.
Result<void> apply_override(std::string_view set_by, std::string_view argument, Document& document) {
  const auto equals = argument.find('=');
  const auto path = escape_for_terminal(trim(argument.substr(0, equals)));
  if (equals == std::string_view::npos || path.empty())
    return Error{Errc::usage, tr("{} {}: expected section.key=value", set_by, escape_for_terminal(argument))};
  if (find_invalid_utf8(argument)) return Error{Errc::usage, tr("{} {}: not valid UTF-8", set_by, path)};
  const auto value = trim(argument.substr(equals + 1));
  const auto* key = find_key(path);

  auto given = read_value(value, path);
  const bool is_text =
      given && given->leaves.size() == 1 && std::holds_alternative<std::string>(given->leaves[0].value);
  if (!given || (key && is_written_as_text(key->type) && !is_text && given->tables.empty()))
    given = Document{{{path, std::string{value}, {}, {}}}, {}};
  for (auto& leaf : given->leaves) {
    std::erase_if(document.leaves, [&](const Leaf& before) { return before.path == leaf.path; });
    leaf.set_by = set_by;
    document.leaves.push_back(std::move(leaf));
  }
  for (auto& table : given->tables) {
    table.set_by = set_by;
    document.tables.push_back(std::move(table));
  }
  return {};
}

std::string_view last_name(std::string_view path) { return path.substr(path.rfind('.') + 1); }

// What other programs call our keys.
std::string_view key_by_other_name(std::string_view name) {
  static constexpr std::array<std::pair<std::string_view, std::string_view>, 22> k_other_names{
      {{"rate", "limits.requests_per_second"},
       {"rps", "limits.requests_per_second"},
       {"qps", "limits.requests_per_second"},
       {"tps", "limits.requests_per_second"},
       {"rate_limit", "limits.requests_per_second"},
       {"concurrency", "limits.max_in_flight"},
       {"timeout", "limits.request_timeout"},
       {"retries", "limits.max_attempts"},
       {"max_retries", "limits.max_attempts"},
       {"serial", "merchant.serial_no"},
       {"cert_serial", "merchant.serial_no"},
       {"key", "merchant.private_key_file"},
       {"key_file", "merchant.private_key_file"},
       {"private_key", "merchant.private_key_file"},
       {"mch_id", "merchant.mchid"},
       {"public_key", "platform.public_key_file"},
       {"file", "input.csv"},
       {"list", "input.csv"},
       {"members", "input.csv"},
       {"consent", "safety.acknowledge"},
       {"limit", "safety.max_rows"},
       {"db", "results.database"}}};
  for (const auto& [other, ours] : k_other_names)
    if (other == name) return ours;
  return {};
}

// First a typing error in the same table, then the right name in another table, then a typing error there.
std::string suggest_key(std::string_view path) {
  const auto name = last_name(path);
  std::vector<std::string_view> siblings, names;
  for (const auto& key : keys()) {
    if (table_of(key.path) == table_of(path)) siblings.push_back(last_name(key.path));
    names.push_back(last_name(key.path));
  }
  if (const auto meant = key_by_other_name(name); !meant.empty()) return tr("; did you mean \"{}\"?", meant);
  if (const auto found = nearest(name, siblings)) return tr("; did you mean \"{}\"?", *found);
  const bool is_short = name.size() < 5;  // anything comes near it
  const auto elsewhere = std::find(names.begin(), names.end(), name) != names.end() ? std::string{name}
                         : is_short                                                 ? std::nullopt
                                                                                    : nearest(name, names);
  for (const auto& key : keys())
    if (elsewhere == last_name(key.path)) return tr("; did you mean \"{}\"?", key.path);
  if (siblings.empty()) return "";
  return tr("; [{}] has {}", table_of(path), fmt::join(siblings, ", "));
}

std::string suggest_table(std::string_view path) {
  std::set<std::string_view> tables;
  for (const auto& key : keys()) tables.insert(table_of(key.path));
  tables.erase("");
  const auto found = nearest(path, tables);
  return found ? tr("; did you mean \"{}\"?", *found) : "";
}

bool is_control(char c) { return static_cast<unsigned char>(c) < 0x20; }

// Returns what is wrong with the value; empty text: `typed` holds it.
std::string read_typed(const Key& key, const Value& value, const std::filesystem::path& folder,
                       Typed& typed) {
  auto unexpected = tr("expected {}, found {}", words_for_expected(key), describe(value));
  if (const auto* text = std::get_if<std::string>(&value)) {
    typed.text = *text;
    if (!is_written_as_text(key.type) || text->find('\0') != std::string::npos) return unexpected;
    if (key.type == Type::duration) {
      const auto duration = parse_duration(*text);
      if (!duration) return unexpected;
      typed.duration = *duration;
    }
    if (key.type == Type::path) {
      if (text->empty()) return unexpected;
      if (*text == "~" || text->starts_with("~/"))
        return tr("\"~\" is not expanded in {}; write the whole path", describe(value));
      if (std::any_of(text->begin(), text->end(), is_control))
        return tr(
            "{} has control characters: \\ begins an escape sequence between \" \", such as \\t and \\n; put "
            "the path between ' ', or write / for each \\",
            describe(value));
      typed.path = (folder / *text).lexically_normal();
    }
    return "";
  }
  if (const auto* whole = std::get_if<std::int64_t>(&value)) {
    typed.whole_number = *whole;
    typed.number = static_cast<double>(*whole);
    return key.type == Type::whole_number || key.type == Type::number ? "" : unexpected;
  }
  if (const auto* number = std::get_if<double>(&value)) {
    typed.number = *number;
    return key.type == Type::number ? "" : unexpected;
  }
  if (const auto* truth = std::get_if<bool>(&value)) {
    typed.truth = *truth;
    return key.type == Type::truth ? "" : unexpected;
  }
  return unexpected;
}

void store(const Key& key, const Leaf& leaf, const std::filesystem::path& folder, model::Job& job,
           Faults& faults) {
  Typed typed;
  if (const auto wrong = read_typed(key, leaf.value, folder, typed); !wrong.empty())
    return faults.add(leaf, wrong);
  switch (key.store(typed, job)) {
    case KeyResult::stored: return;
    case KeyResult::unexpected: {
      const bool may_hold_login = key.path == "endpoints.proxy";
      return faults.add(
          leaf, may_hold_login ? tr("expected {}", words_for_expected(key))
                               : tr("expected {}, found {}", words_for_expected(key), describe(leaf.value)));
    }
    case KeyResult::unsupported: return faults.add(leaf, tr("not supported yet; {}", tr(key.instead.data())));
  }
}

// Reports each unknown table once, not every key in it.
std::vector<std::string> refuse_tables(const Document& document, Faults& faults) {
  std::vector<std::string> refused;
  for (const auto& table : document.tables) {
    if (is_table(table.path)) continue;
    const auto is_below = [&](const std::string& above) {
      return table.path.starts_with(above + '.') || table.path == above;
    };
    if (std::any_of(refused.begin(), refused.end(), is_below)) continue;
    const auto* key = find_key(table.path);
    faults.add_unknown(table.path, table.at, table.set_by,
                       key ? tr("expected {}, found a table", words_for_expected(*key))
                           : tr("unknown table") + suggest_table(table.path));
    refused.push_back(table.path);
  }
  return refused;
}

void read_leaves(const Document& document, const std::filesystem::path& folder, model::Job& job,
                 Faults& faults) {
  const auto refused = refuse_tables(document, faults);
  for (const auto& leaf : document.leaves) {
    const auto is_below = [&](const std::string& table) { return leaf.path.starts_with(table + '.'); };
    if (std::any_of(refused.begin(), refused.end(), is_below)) continue;
    if (const auto* key = find_key(leaf.path))
      store(*key, leaf, folder, job, faults);
    else if (is_table(leaf.path))
      faults.add(leaf, tr("expected a table [{}], found {}", leaf.path, describe(leaf.value)));
    else
      faults.add_unknown(leaf.path, leaf.key, leaf.set_by, tr("unknown key") + suggest_key(leaf.path));
  }
}

// What a key alone cannot show: missing keys, and keys that need or exclude each other.
class CrossCheck {
 public:
  CrossCheck(const Document& document, const model::Job& job, const Overrides& overrides, Faults& faults)
      : document_{document},
        job_{job},
        results_by_flag_{!overrides.results_database.empty()},
        is_rehearsal_{overrides.is_rehearsal},
        faults_{faults} {
    for (const auto& leaf : document.leaves) given_.insert(leaf.path);
    for (const auto& table : document.tables) given_.insert(table.path);
  }

  void run() {
    for (const auto& key : keys())
      if (key.required) need(key.path);
    check_merchant();
    if (!is_rehearsal_) check_platform();
    check_input();
    check_files();
    if (job_.limits.backoff_base > job_.limits.backoff_cap)
      refuse("limits.backoff_base",
             tr("\"{}\" is longer than limits.backoff_cap, \"{}\"", format_duration(job_.limits.backoff_base),
                format_duration(job_.limits.backoff_cap)));
  }

 private:
  bool has(std::string_view path) const { return given_.contains(path); }

  void need(std::string_view path, std::string_view why = "") {
    if (has(path) || (is_rehearsal_ && is_of_rehearsal(path))) return;
    Position at;
    for (const auto& table : document_.tables)
      if (table.path == table_of(path)) at = {table.at.line, 0};
    const auto expected = words_for_expected(*find_key(path));
    faults_.add(at, path,
                why.empty() ? tr("missing; expected {}", expected)
                            : tr("missing, and {}; expected {}", why, expected));
  }

  // At the position of the key if it was given, else of its table.
  void refuse(std::string_view path, std::string_view what) {
    for (const auto& leaf : document_.leaves)
      if (leaf.path == path) return faults_.add(leaf, what);
    Position at;
    for (const auto& table : document_.tables)
      if (table.path == path || table.path == table_of(path)) at = {table.at.line, 0};
    faults_.add(at, path, what);
  }

  void check_merchant() {
    if (job_.merchant.api == model::Api::partner) {
      need("merchant.mchid", tr("merchant.api is \"partner\""));
      if (has("merchant.brand_id"))
        refuse("merchant.brand_id",
               tr("belongs to api = \"brand\"; with \"partner\", rows or defaults.brand_id name the brand"));
      return;
    }
    need("merchant.brand_id", tr("merchant.api is \"brand\""));
    if (has("merchant.mchid"))
      refuse("merchant.mchid", tr("belongs to api = \"partner\"; with \"brand\", brand_id signs"));
    if (has("defaults.brand_id") && job_.defaults.brand_id != job_.merchant.brand_id)
      refuse("defaults.brand_id",
             tr("differs from merchant.brand_id, and api = \"brand\" reaches that brand's cards only"));
  }

  void check_platform() {
    const bool by_key = has("platform.public_key_id") || has("platform.public_key_file");
    if (by_key == has("platform.certificates_dir"))
      return refuse(
          "platform",
          by_key
              ? tr("expected either public_key_id and public_key_file, or certificates_dir; found both")
              : tr("expected either public_key_id and public_key_file, or certificates_dir; found neither"));
    if (!by_key) return;
    need("platform.public_key_id", tr("public_key_file is given"));
    need("platform.public_key_file", tr("public_key_id is given"));
  }

  void check_input() {
    const bool by_query = has("input.sqlite") || has("input.query");
    if (by_query == has("input.csv"))
      refuse("input", by_query ? tr("expected either csv, or sqlite and query; found both")
                               : tr("expected either csv, or sqlite and query; found neither"));
    else if (by_query) {
      need("input.sqlite", tr("input.query is given"));
      need("input.query", tr("input.sqlite is given"));
    }
    for (auto column = job_.input.columns.begin(); column != job_.input.columns.end(); ++column)
      for (auto earlier = job_.input.columns.begin(); earlier != column; ++earlier)
        if (earlier->second == column->second && !column->second.empty())
          refuse("input.columns." + column->first, tr("\"{}\" is already the column of {}",
                                                      escape_for_terminal(column->second), earlier->first));
  }

  // The results database must not overwrite another file of the job, nor must the metrics file and the
  // report, which are replaced again and again.
  void check_files() {
    constexpr std::string_view k_results = "results.database", k_metrics = "results.metrics_file",
                               k_report = "results.report_file";
    const auto own = model::own_files(job_);
    for (const auto& written : own)
      for (const auto& other : own) {
        if (other.key == written.key || !other.is_at(written.real)) continue;
        if (written.key == k_results) return refuse_results_at(other, written);
        if ((written.key == k_metrics || written.key == k_report) && other.key != k_results)
          return refuse(written.key, tr("\"{}\" is the job's {}; name another file", written.path.string(),
                                        tr(other.what.data())));
      }
  }

  void refuse_results_at(const model::OwnFile& other, const model::OwnFile& results) {
    using enum model::OwnFile::Kind;
    const auto path = other.path.string(), what = tr(other.what.data());
    const auto name = other.key.empty()         ? tr("the job file")
                      : other.kind == companion ? tr("\"{}\", part of the {},", path, what)
                                                : '"' + path + '"';
    refuse(other.key.empty() ? results.key : other.key,
           results.kind == companion
               ? tr("{} is a part of the results database ({}); name two different files", name,
                    name_of_results())
               : tr("{} is the results database ({}); name two different files", name, name_of_results()));
  }

  std::string name_of_results() const {
    const auto* given = results_by_flag_          ? "--results"
                        : has("results.database") ? "results.database"
                                                  : nullptr;
    const auto file = job_.results.database.string();
    return given ? fmt::format("{} \"{}\"", given, file) : tr("results.database, by default \"{}\"", file);
  }

  const Document& document_;
  const model::Job& job_;
  bool results_by_flag_, is_rehearsal_;
  Faults& faults_;
  std::set<std::string, std::less<>> given_;
};

// endpoints.proxy overrides the environment, for every host.
void apply_environment(const Overrides& overrides, model::Job& job) {
  auto url = overrides.https_proxy;
  if (url.empty() || job.endpoints.primary.proxy) return;
  if (url.find("://") == std::string::npos) url.insert(0, "http://");  // as curl does
  const auto proxy = parse_proxy(url);
  for (auto* address : {&job.endpoints.primary, &job.endpoints.backup}) {
    if (is_excluded_by(overrides.no_proxy, *address)) continue;
    address->proxy = proxy;
    if (!proxy)  // not shown: it may hold a password
      job.endpoints.unusable_proxy =
          tr("HTTPS_PROXY is not the URL of an HTTP proxy such as http://proxy.example:3128, and {} would be "
             "reached through it; unset it, name a proxy in endpoints.proxy, or name the host in NO_PROXY",
             address->text());
  }
}

}  // namespace

namespace {

// Its part of the limit; and no shard writes into the file of another one.
void become_shard(model::Job& job, const model::Shard& shard) {
  job.shard = shard;
  job.limits.requests_per_second /= shard.count;
  for (auto* file : {&job.results.database, &job.results.metrics_file, &job.results.report_file})
    if (!file->empty()) *file = model::file_of_shard(*file, shard);
}

// The library knows English only.
std::string words_for_syntax(const SyntaxFault& fault, const std::string& cause) {
  if (spoken_language() == Language::english) return cause.empty() ? fault.what : fault.what + "; " + cause;
  return cause.empty() ? tr("the syntax is wrong here ({})", fault.what) : cause;
}

}  // namespace

Result<model::Job> parse(std::string_view toml, const std::filesystem::path& file,
                         const Overrides& overrides) {
  Faults faults{file};
  auto read = read_document(toml);
  if (const auto* fault = std::get_if<SyntaxFault>(&read)) {
    if (const auto kind = name_other_kind(toml, file); !kind.empty())
      return Error{Errc::bad_job, fmt::format("{}: {}", escape_for_terminal(file.string()), kind)};
    const auto cause = explain_fault(toml, *fault);
    faults.add(fault->at, tr("not valid TOML"), words_for_syntax(*fault, cause));
    return Error{Errc::bad_job, faults.text()};
  }
  auto& document = std::get<Document>(read);
  for (const auto& argument : overrides.set) {
    const bool is_of_environment = &argument < overrides.set.data() + overrides.set_by_environment;
    if (const auto applied = apply_override(is_of_environment ? "CARDVOID_SET" : "--set", argument, document);
        !applied)
      return applied.error();
  }

  model::Job job;
  job.file = file;
  const auto folder = file.parent_path();
  if (overrides.is_rehearsal) {
    forget_what_a_rehearsal_has(document);
    job.endpoints.primary = job.endpoints.backup = {"127.0.0.1", 9, std::nullopt};  // the discard service
  }
  read_leaves(document, folder, job, faults);
  if (!overrides.results_database.empty()) job.results.database = overrides.results_database;
  if (job.results.database.empty()) job.results.database = folder / (job.name + ".db");
  if (overrides.shard) become_shard(job, *overrides.shard);
  CrossCheck{document, job, overrides, faults}.run();
  if (faults.none() && !model::is_allowed_rate(job.limits.requests_per_second))
    faults.add({}, "limits.requests_per_second",
               tr("{:g} in {} shards is {:g} each; expected {}", job.requests_per_second_of_all_shards(),
                  job.shard->count, job.limits.requests_per_second, model::allowed_rates()));
  if (!faults.none()) return Error{Errc::bad_job, faults.text()};
  if (!overrides.is_rehearsal) apply_environment(overrides, job);
  job.input.accept_damage = overrides.accept_damage;
  return job;
}

Result<model::Job> load(const std::filesystem::path& file, const Overrides& overrides) {
  const auto toml = read_file(file, k_largest_file, Errc::no_input);
  if (toml) return parse(*toml, file, overrides);
  // A list may be too large for a job file.
  constexpr std::size_t k_head_bytes = 4096;
  const auto kind = name_other_kind(read_start(file, k_head_bytes), file);
  std::error_code ignored;
  if (const auto whole = file.string() + ".toml"; kind.empty() && std::filesystem::exists(whole, ignored))
    return Error{toml.error().code, tr("{}; did you mean {}?", toml.error().what, whole)};
  if (kind.empty()) return toml.error();
  return Error{Errc::bad_job, fmt::format("{}: {}", escape_for_terminal(file.string()), kind)};
}

std::string fault_of_value(std::string_view key, const std::string& value) {
  const auto* known = find_key(key);
  Typed typed;
  if (auto wrong = read_typed(*known, value, {}, typed); !wrong.empty()) return wrong;
  model::Job job;
  if (known->store(typed, job) == KeyResult::stored) return {};
  return tr("expected {}, found {}", words_for_expected(*known), describe(value));
}

}  // namespace cardvoid::job
