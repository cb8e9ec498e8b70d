#include "document.hpp"

#include <fmt/format.h>

// Header-only: the distribution's library is built with exceptions, and here a syntax error is a value.
#define TOML_EXCEPTIONS 0
#define TOML_HEADER_ONLY 1
#define TOML_ENABLE_FORMATTERS 0
// toml++ 3.3 asserts (with NDEBUG: assumes) that no bracket follows "[[". Its next lines would report it
// properly. Remove this when the distribution has the fix (marzer/tomlplusplus #301).
#undef NDEBUG
#define TOML_ASSERT(condition) static_cast<void>(0)
#include <toml++/toml.h>

#include <algorithm>
#include <cardvoid/base/text.hpp>
#include <cardvoid/base/translate.hpp>

namespace cardvoid::job {

namespace {

Position place_of(const toml::source_region& region) { return {region.begin.line, region.begin.column}; }

// A name as TOML writes it: bare where it can be, so that ["limits.per"] is not taken for limits.per.
std::string written(std::string_view name) {
  const auto is_bare = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
  };
  if (!name.empty() && std::all_of(name.begin(), name.end(), is_bare)) return std::string{name};
  return '"' + escape_for_terminal(name) + '"';
}

Value value_of(const toml::node& node) {
  switch (node.type()) {
    case toml::node_type::string: return **node.as_string();
    case toml::node_type::integer: return std::int64_t{**node.as_integer()};
    case toml::node_type::floating_point: return **node.as_floating_point();
    case toml::node_type::boolean: return **node.as_boolean();
    case toml::node_type::array: return Unusable{tr("an array")};
    case toml::node_type::table: return Unusable{tr("a table")};
    case toml::node_type::date: return Unusable{tr("a date without quotes")};
    case toml::node_type::time: return Unusable{tr("a time without quotes")};
    case toml::node_type::date_time: return Unusable{tr("a date and time without quotes")};
    case toml::node_type::none: break;
  }
  return Unusable{tr("nothing")};
}

// Nothing deeper than our deepest key needs a look: it is unknown anyway.
constexpr int k_deepest = 4;

void flatten(const toml::table& table, const std::string& prefix, Document& into, int depth = 0) {
  if (depth == k_deepest) return;
  for (const auto& [key, node] : table) {
    auto path = prefix.empty() ? written(key.str()) : prefix + '.' + written(key.str());
    if (const auto* inner = node.as_table()) {
      const auto at = place_of(key.source());
      into.tables.push_back({path, at});
      flatten(*inner, path, into, depth + 1);
    } else {
      into.leaves.push_back(
          {std::move(path), value_of(node), place_of(key.source()), place_of(node.source())});
    }
  }
}

// toml++ 3.3 limits the depth of values but not of dotted names, and then recurses over their tables. Returns
// the line of the first name that is too deep.
constexpr std::ptrdiff_t k_most_dots = 500;

std::optional<unsigned> find_too_many_dots(std::string_view toml) {
  for (unsigned line = 1;; ++line) {
    const auto text = toml.substr(0, toml.find('\n'));
    if (std::count(text.begin(), text.end(), '.') > k_most_dots) return line;
    if (text.size() == toml.size()) return std::nullopt;
    toml.remove_prefix(text.size() + 1);
  }
}

}  // namespace

std::string describe(const Value& value) {
  struct Words {
    std::string operator()(const std::string& text) const {
      return '"' + fit_to_width(escape_for_terminal(text), 60) + '"';
    }
    std::string operator()(std::int64_t number) const { return tr("the number {}", number); }
    std::string operator()(double number) const { return tr("the number {}", number); }
    std::string operator()(bool truth) const { return truth ? "true" : "false"; }
    std::string operator()(const Unusable& unusable) const { return unusable.what; }
  };
  return std::visit(Words{}, value);
}

std::variant<Document, SyntaxFault> read_document(std::string_view toml) {
  if (const auto line = find_too_many_dots(toml))
    return SyntaxFault{{*line, 0}, tr("too many dots in one line")};
  const auto parsed = toml::parse(toml);
  if (!parsed)
    return SyntaxFault{place_of(parsed.error().source()), escape_for_terminal(parsed.error().description())};
  Document document;
  flatten(parsed.table(), "", document);
  return document;
}

std::optional<Document> read_value(std::string_view toml, std::string_view path) {
  if (find_too_many_dots(toml)) return std::nullopt;
  const auto parsed = toml::parse("v = " + std::string{toml} + "\n");
  if (!parsed || parsed.table().size() != 1) return std::nullopt;  // a line break has brought in a second key
  const auto* node = parsed.table().get("v");
  if (!node) return std::nullopt;
  Document document;
  if (const auto* table = node->as_table()) {
    document.tables.push_back({std::string{path}, {}});
    flatten(*table, std::string{path}, document);
  } else {
    document.leaves.push_back({std::string{path}, value_of(*node), {}, {}});
  }
  return document;
}

}  // namespace cardvoid::job
