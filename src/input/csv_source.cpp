#include <fmt/format.h>

#include <cardvoid/base/text.hpp>

#include "record_reader.hpp"
#include "row_maker.hpp"

namespace cardvoid::input {

namespace {

class CsvSource final : public Source {
 public:
  CsvSource(ReadBytes read, std::string name) : records_{std::move(read), std::move(name)} {}

  Result<void> read_header(const Settings& settings) {
    const auto found = records_.next();
    if (!found) return found.error();
    if (!*found)
      return Error{Errc::bad_input,
                   records_.lines().name() + ": empty; a header with the names of the columns is needed"};
    std::vector<std::string> names;
    for (const auto field : records_.fields()) {
      if (field.find('\0') != std::string_view::npos)
        return Error{
            Errc::bad_input,
            records_.where() +
                ": a zero byte in the header; UTF-16 perhaps, or no text at all? Save it as CSV in UTF-8"};
      names.emplace_back(field);
    }
    auto rows = RowMaker::create(names, settings, records_.where());
    if (!rows) return rows.error();
    rows_ = std::move(*rows);
    return {};
  }

  Result<std::optional<Record>> next() override {
    const auto found = records_.next();
    if (!found) return found.error();
    if (!*found) {
      if (const auto judged = rows_.judge_damage(); !judged)
        return with_context(judged.error(), records_.lines().name());
      return std::nullopt;
    }
    return rows_.make(records_.fields(), records_.line(), [&] { return records_.raw(); });
  }

  std::string description() const override {
    return fmt::format("CSV, UTF-8{}, comma, {}", records_.lines().had_byte_order_mark() ? " with BOM" : "",
                       rows_.description());
  }

 private:
  RecordReader records_;
  RowMaker rows_;
};

}  // namespace

Result<std::unique_ptr<Source>> open_csv(ReadBytes read, std::string name, const model::Input& input,
                                         const model::Defaults& defaults, model::Api api,
                                         const std::string& brand_of_merchant) {
  auto source = std::make_unique<CsvSource>(std::move(read), std::move(name));
  if (const auto ready = source->read_header({input, defaults, api, brand_of_merchant}); !ready)
    return ready.error();
  return std::unique_ptr<Source>{std::move(source)};
}

}  // namespace cardvoid::input
