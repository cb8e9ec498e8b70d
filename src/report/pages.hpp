#pragma once
// The templates of src/report/pages, as CMake has embedded them. A new one has a line in three places: here,
// in page_source() and in src/report/CMakeLists.txt.

#include <string_view>

namespace cardvoid::report {

extern const std::string_view k_page_chart, k_page_css, k_page_head, k_page_foot, k_page_plan, k_page_report;

// Throws std::logic_error for a name that none has.
std::string_view page_source(std::string_view name);

}  // namespace cardvoid::report
