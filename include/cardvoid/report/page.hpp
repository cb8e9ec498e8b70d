#pragma once
// HTML pages: one file that needs nothing else, no network and no script. A template (src/report/pages, in
// Mustache) and values make it. Everything that a value holds is escaped: no template may insert markup
// (lint/pages). A template can use {{> head}} and {{> foot}}, the shared frame: they want `lang`, `title`,
// `written`, and `rehearsal`: true where nothing of the page is real. {{#t}}An English sentence.{{/t}} is
// translated as a whole, its {{names}} included.

#include <boost/json/object.hpp>
#include <string>
#include <string_view>

namespace cardvoid::report {

// `name`: the template's file name without its ending, "report". Values are text, numbers (as they are: for
// people make text of them with grouped()), true, false, null (as false, and no text), lists and objects of
// these.
// Throws std::logic_error for a template that does not exist or cannot be read, and when it asks for a value
// that is not there.
std::string render_page(std::string_view name, const boost::json::object& values);

}  // namespace cardvoid::report
