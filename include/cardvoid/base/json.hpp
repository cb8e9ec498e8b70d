#pragma once
// JSON as every answer, log line and file of ours has it: compact, on one line, with plain numbers (20, not
// 2E1), and always valid UTF-8: bytes of a path that are not become U+FFFD. Values are built as boost::json
// objects and written here, never put together from strings.

#include <boost/json/fwd.hpp>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace cardvoid {

// Without a newline. A number that JSON cannot say (infinite, not a number) becomes null.
std::string to_json(const boost::json::value& value);
// With a newline: a line of JSON Lines.
std::string to_json_line(const boost::json::object& object);

// Writes one object whose lists may be as long as the input, piece by piece. Members come in the order of the
// calls; what was begun is ended by the caller.
class JsonStream {
 public:
  // `write`: takes the next piece. It may fail silently; check its target afterwards.
  explicit JsonStream(std::function<void(std::string_view)> write) : write_{std::move(write)} {}
  void begin_object();
  void member(std::string_view name, const boost::json::value& value);
  void members(const boost::json::object& object);
  void begin_array(std::string_view name);
  void element(const boost::json::value& value);
  void end_array();
  void end_object();  // and a newline when it is the outermost one

 private:
  void separate();

  std::function<void(std::string_view)> write_;
  std::vector<std::size_t> members_;  // so far, of every open object and array, outermost first
};

// Reads an object; nullopt when the text is anything else.
std::optional<boost::json::object> object_from_json(std::string_view text);
// A member of the object, when it is there and of that type; 1e999 is no number.
std::optional<std::string> text_in(const boost::json::object& object, std::string_view name);
std::optional<double> number_in(const boost::json::object& object, std::string_view name);
std::optional<std::int64_t> whole_number_in(const boost::json::object& object, std::string_view name);
// The objects of an array, in order; empty when the text is anything else.
std::vector<boost::json::object> objects_from_json(std::string_view text);

}  // namespace cardvoid
