#include <fmt/format.h>

#include <array>
#include <boost/json.hpp>
#include <cardvoid/base/text.hpp>
#include <cardvoid/base/translate.hpp>
#include <cardvoid/report/page.hpp>
#include <kainjow/mustache.hpp>
#include <map>
#include <optional>
#include <sstream>
#include <stdexcept>
#include <utility>

#include "pages.hpp"

namespace cardvoid::report {

namespace {

namespace mustache = kainjow::mustache;

mustache::data as_data(const boost::json::value& value) {
  if (const auto* object = value.if_object()) {
    mustache::data data{mustache::data::type::object};
    for (const auto& [name, member] : *object) data.set(name, as_data(member));
    return data;
  }
  if (const auto* array = value.if_array()) {
    mustache::data data{mustache::data::type::list};
    for (const auto& member : *array) data.push_back(as_data(member));
    return data;
  }
  if (const auto* text = value.if_string()) return mustache::data{escape_for_terminal(*text)};
  if (value.is_null()) return mustache::data{mustache::data::type::bool_false};
  if (const auto* truth = value.if_bool())
    return mustache::data{*truth ? mustache::data::type::bool_true : mustache::data::type::bool_false};
  if (const auto* number = value.if_double()) return mustache::data{fmt::format("{}", *number)};
  return mustache::data{boost::json::serialize(value)};
}

// Knows the other templates, and lets no name pass that has no value.
class Context : public mustache::context<std::string> {
 public:
  using mustache::context<std::string>::context;
  const mustache::data* get(const std::string& name) const override {
    if (const auto* found = mustache::context<std::string>::get(name)) return found;
    throw std::logic_error{"a page asks for \"" + name + "\", which has no value"};
  }
  const mustache::data* get_partial(const std::string& name) const override {
    auto& partial = partials_[name];
    if (!partial) partial = mustache::data{std::string{page_source(name)}};
    return &*partial;
  }

 private:
  mutable std::map<std::string, std::optional<mustache::data>> partials_;
};

}  // namespace

std::string_view page_source(std::string_view name) {
  static const std::map<std::string_view, std::string_view> sources{
      {"chart", k_page_chart}, {"css", k_page_css},   {"foot", k_page_foot},
      {"head", k_page_head},   {"plan", k_page_plan}, {"report", k_page_report}};
  const auto found = sources.find(name);
  if (found == sources.end()) throw std::logic_error{fmt::format("there is no page \"{}\"", name)};
  return found->second;
}

std::string render_page(std::string_view name, const boost::json::object& values) {
  mustache::mustache page{std::string{page_source(name)}};
  auto data = as_data(values);
  data.set("t", mustache::data{mustache::lambda{[](const std::string& english) { return tr(english); }}});
  Context context{&data};
  std::ostringstream text;
  if (page.is_valid()) page.render(context, text);
  if (!page.is_valid()) throw std::logic_error{fmt::format("page \"{}\": {}", name, page.error_message())};
  return std::move(text).str();
}

}  // namespace cardvoid::report
