#include <doctest/doctest.h>
#include <fmt/format.h>

#include <boost/json.hpp>
#include <cardvoid/base/file.hpp>
#include <filesystem>
#include <ostream>
#include <set>
#include <tuple>

#include "job_text.hpp"
#include "keys.hpp"

TEST_SUITE("unit") {
  using namespace cardvoid;
  namespace json = boost::json;

  namespace {

  // Walks the schema: every leaf as "section.key", "type", required or not.
  struct Leaf {
    std::string path, type;
    bool required;
    bool operator<(const Leaf& other) const {
      return std::tie(path, type, required) < std::tie(other.path, other.type, other.required);
    }
  };

  void collect(const json::object& schema, const std::string& prefix, std::set<Leaf>& leaves) {
    CAPTURE(prefix);
    CHECK(schema.at("additionalProperties") == false);
    std::set<std::string> required;
    if (const auto* names = schema.if_contains("required"))
      for (const auto& name : names->as_array()) required.insert(std::string{name.as_string()});
    for (const auto& [key, value] : schema.at("properties").as_object()) {
      const auto path = prefix + std::string{key};
      CAPTURE(path);
      const auto& property = value.as_object();
      CHECK(property.at("description").as_string().size() > 5);
      const std::string type{property.at("type").as_string()};
      if (type == "object")
        collect(property, path + '.', leaves);
      else
        leaves.insert({path, type, required.contains(std::string{key})});
    }
  }

  json::value read_schema() {
    const auto text = read_file(CARDVOID_SCHEMA, 1 << 20, Errc::no_input);
    REQUIRE(text.has_value());
    return json::parse(*text);
  }

  std::string schema_type(job::Type type) {
    switch (type) {
      case job::Type::text:
      case job::Type::path:
      case job::Type::duration: return "string";
      case job::Type::whole_number: return "integer";
      case job::Type::number: return "number";
      case job::Type::truth: return "boolean";
    }
    return "";
  }

  }  // namespace

  TEST_CASE("schema: it names exactly the keys that are read with their types and requirements") {
    const auto schema = read_schema();
    CHECK(schema.at("$schema") == "https://json-schema.org/draft/2020-12/schema");
    CHECK(schema.at("$id") == "urn:cardvoid:job-file");
    std::set<Leaf> described, known;
    collect(schema.as_object(), "", described);
    for (const auto& key : job::keys())
      known.insert({std::string{key.path}, schema_type(key.type), key.required});
    for (const auto& leaf : known)
      CHECK_MESSAGE(described.contains(leaf), leaf.path, " is not so in the schema");
    for (const auto& leaf : described)
      CHECK_MESSAGE(known.contains(leaf), leaf.path, " is not so in the key table");
  }

  TEST_CASE("schema: its defaults are the ones of the program") {
    const auto schema = read_schema();
    const auto find = [&](const std::string& section) -> const json::object& {
      return schema.at("properties").at(section).at("properties").as_object();
    };
    const model::Limits limits;
    const auto& described = find("limits");
    CHECK(described.at("requests_per_second").at("default").to_number<double>() ==
          limits.requests_per_second);
    CHECK(described.at("requests_per_second").at("minimum").to_number<double>() == model::k_least_rate);
    CHECK(described.at("requests_per_second").at("maximum").to_number<double>() == model::k_greatest_rate);
    CHECK(job::find_key("limits.requests_per_second")->expected == "a number from " + model::allowed_rates());
    CHECK(model::allowed_rates() == "0.001 to 10000");
    CHECK(described.at("max_in_flight").at("default") == limits.max_in_flight);
    CHECK(described.at("max_attempts").at("default") == limits.max_attempts);
    CHECK(described.at("failover_after").at("default") == limits.failover_after);
    const auto duration = [&](const char* key) {
      return *parse_duration(std::string_view{described.at(key).at("default").as_string()});
    };
    CHECK(duration("connect_timeout") == limits.connect_timeout);
    CHECK(duration("request_timeout") == limits.request_timeout);
    CHECK(duration("backoff_base") == limits.backoff_base);
    CHECK(duration("backoff_cap") == limits.backoff_cap);
    CHECK(duration("failover_cooldown") == limits.failover_cooldown);
    const model::Endpoints endpoints;
    CHECK(find("endpoints").at("primary").at("default").as_string() == "https://" + endpoints.primary.text());
    CHECK(find("endpoints").at("backup").at("default").as_string() == "https://" + endpoints.backup.text());
  }

  TEST_CASE("jobs: every job file that is shipped can be read once the consent stands in it") {
    int read = 0;
    for (const auto& entry : std::filesystem::directory_iterator{CARDVOID_JOBS}) {
      if (entry.path().extension() != ".toml") continue;
      const auto shipped = job::load(entry.path(), {});
      REQUIRE_MESSAGE(!shipped, entry.path().string(), " is shipped with somebody's consent");
      CHECK(shipped.error().code == Errc::bad_job);
      CHECK(shipped.error().what.find("safety.acknowledge: expected") != std::string::npos);
      CHECK(shipped.error().what.find("事先告知并取得同意") != std::string::npos);
      CHECK(shipped.error().what.find('\n') == std::string::npos);  // and nothing else is wrong
      const auto job = job::load(entry.path(), {{"safety.acknowledge=OPS-7: told and agreed"}, {}});
      CHECK_MESSAGE(job.has_value(), entry.path().string(), ": ", (job ? "" : job.error().what));
      ++read;
    }
    CHECK(read >= 2);
  }
}
