#include <fmt/format.h>

#include <algorithm>
#include <cardvoid/base/local_time.hpp>
#include <cardvoid/base/text.hpp>
#include <cardvoid/base/translate.hpp>
#include <cardvoid/report/live.hpp>
#include <cmath>
#include <utility>

namespace cardvoid::report {

namespace {

enum class Style { plain, strong, faint, good, bad, notable };

// A part of a line. When the line is too long, those of the highest rank go first; rank 0 stays.
struct Piece {
  std::string text;
  int rank = 0;
  Style style = Style::plain;
};
using Line = std::vector<Piece>;

constexpr std::size_t k_most_lines = 6;
constexpr std::size_t k_least_bar = 8, k_most_bar = 40;

const char* escape_of(Style style) {
  switch (style) {
    case Style::plain: return "";
    case Style::strong: return "\x1B[1m";
    case Style::faint: return "\x1B[2m";
    case Style::good: return "\x1B[32m";
    case Style::bad: return "\x1B[31m";
    case Style::notable: return "\x1B[33m";
  }
  return "";
}

// What a terminal without UTF-8 can show.
std::string without_utf8(std::string_view text) {
  std::string ascii;
  for (std::size_t at = 0; at < text.size();) {
    const auto c = next_code_point(text, at);
    ascii += c < 0x80 ? static_cast<char>(c) : '?';
  }
  return ascii;
}

std::string cut(const std::string& text, const Look& look, std::size_t columns) {
  auto fitted = fit_to_width(text, columns);
  if (look.has_utf8 || !fitted.ends_with("…")) return fitted;
  return fitted.replace(fitted.size() - std::string_view{"…"}.size(), std::string::npos, "~");
}

std::size_t width_of(const Line& line) {
  std::size_t width = 0;
  for (const auto& piece : line) width += display_width(piece.text) + 2;
  return width > 0 ? width - 2 : 0;
}

// Two blanks stand between pieces.
std::string drawn(Line line, const Look& look, std::size_t columns) {
  std::erase_if(line, [](const Piece& piece) { return piece.text.empty(); });
  if (!look.has_utf8)
    for (auto& piece : line) piece.text = without_utf8(piece.text);
  while (line.size() > 1 && width_of(line) > columns) {
    // The last of the least important ones.
    const auto worst = std::max_element(line.rbegin(), line.rend(),
                                        [](const Piece& a, const Piece& b) { return a.rank < b.rank; });
    if (worst->rank == 0) break;
    line.erase(std::next(worst).base());
  }
  std::string text;
  std::size_t used = 0;
  for (const auto& piece : line) {
    const std::size_t gap = used > 0 ? 2 : 0;
    if (used + gap >= columns) break;
    const auto shown = cut(piece.text, look, columns - used - gap);
    used += gap + display_width(shown);
    text.append(gap, ' ');
    const auto* escape = look.has_colour ? escape_of(piece.style) : "";
    text += escape + shown;
    if (*escape) text += "\x1B[0m";
  }
  return text;
}

std::string shown_latency(std::chrono::microseconds latency) {
  const auto ms = latency.count() / 1000;
  return ms < 1000 ? fmt::format("{}ms", ms) : fmt::format("{:.1f}s", static_cast<double>(ms) / 1000);
}

std::string bar(double percent, std::size_t columns, const Look& look) {
  const auto inside = columns - (look.has_utf8 ? 0 : 2);
  const auto full = static_cast<std::size_t>(std::floor(percent / 100 * static_cast<double>(inside)));
  std::string text = look.has_utf8 ? "" : "[";
  for (std::size_t i = 0; i < inside; ++i)
    text += look.has_utf8 ? (i < full ? "█" : "░") : (i < full ? "#" : ".");
  return look.has_utf8 ? text : text + "]";
}

std::string sparkline(const std::vector<double>& rates, double limit) {
  static constexpr const char* k_bars[] = {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
  double most = limit;
  for (const auto rate : rates) most = std::max(most, rate);
  std::string text;
  if (most > 0)
    for (const auto rate : rates)
      text += k_bars[static_cast<std::size_t>(std::clamp(rate / most, 0.0, 1.0) * 7)];
  return text;
}

std::string words_for_canary(const dispatch::Snapshot& snapshot) {
  if (snapshot.canary == 0) return {};
  auto text = tr("canary {} of {}", snapshot.canary_passed, snapshot.canary);
  if (snapshot.canary_already > 0) text = tr("{} ({} already)", text, snapshot.canary_already);
  return text;
}

std::string words_for_endpoints(const Moment& moment) {
  using State = dispatch::EndpointHealth::State;
  const auto& s = moment.snapshot;
  const auto text = s.primary == State::closed  ? tr("primary up")
                    : s.backup == State::closed ? tr("primary down, on backup")
                                                : tr("no endpoint serves");
  if (moment.by_backup == 0 || (s.primary != State::closed && s.backup != State::closed)) return text;
  return tr("{} (backup served {})", text, grouped(static_cast<std::int64_t>(moment.by_backup)));
}

bool is_troubled(const Moment& moment) {
  const auto& reasons = moment.snapshot.reasons_to_wait;
  return std::any_of(reasons.begin(), reasons.end(),
                     [](const auto& reason) { return !reason.is_pace() || reason.kind == "slowed"; });
}

Line heading(const Moment& moment) {
  return {
      {escape_for_terminal(moment.job), 0, Style::strong},
      {moment.brand, 2},
      {moment.host, 3},
      {tr("since {}", run::short_time(moment.since, moment.now) + format_local(moment.since).substr(16)), 1}};
}

std::string words_for_progress(const Moment& moment) {
  return fmt::format("{}/{} {:.1f}%", grouped(moment.done()), grouped(moment.totals.rows()),
                     moment.percent());
}

Line progress(const Moment& moment, const Look& look, std::size_t columns) {
  Line line{{words_for_progress(moment), 0, Style::strong},
            {tr("this run {}", grouped(moment.done_by_run())), 2},
            {run::words_for_end(moment.outlook, moment.now), 1}};
  const auto used = width_of(line) + 2;
  if (used + k_least_bar <= columns)
    line.insert(line.begin(),
                {bar(moment.percent(), std::min(columns - used, k_most_bar), look), 3, Style::good});
  return line;
}

Line counts(const Moment& moment, bool is_whole) {
  const auto& t = moment.totals;
  Line line;
  const auto say = [&](const std::string& label, std::int64_t count, int rank, Style style) {
    if (count > 0 || (is_whole && rank == 0))
      line.push_back({fmt::format("{} {}", label, grouped(count)), rank, style});
  };
  say(tr("invalid"), t.invalidated, 0, Style::good);
  if (const auto already = t.already + moment.counts.already; already > 0 && !line.empty())
    line.back().text = tr("{} ({} already)", line.back().text, grouped(already));
  say(tr("rejected"), t.rejected, 1, Style::bad);
  say(tr("accepted"), t.accepted(), 4, Style::plain);
  say(tr("in doubt"), moment.in_doubt(), 1, Style::notable);
  say(tr("protected"), t.protected_pending, 2, Style::plain);
  say(tr("conflicts"), t.conflicts, 2, Style::notable);
  return line;
}

std::string words_for_pace(const Moment& moment) {
  auto text = run::words_for_pace(moment.outlook, moment.limits, moment.snapshot.reasons_to_wait, moment.now);
  if (const auto canary = words_for_canary(moment.snapshot); !canary.empty())
    text = tr("{}, {}", canary, text);
  return text;
}

Line endpoints(const Moment& moment) {
  Line line{
      {words_for_endpoints(moment), 0,
       moment.snapshot.primary == dispatch::EndpointHealth::State::closed ? Style::plain : Style::notable}};
  if (moment.latencies)
    line.push_back({fmt::format("p50 {} p95 {} p99 {}", shown_latency(moment.latencies->p50),
                                shown_latency(moment.latencies->p95), shown_latency(moment.latencies->p99)),
                    1});
  line.push_back({tr("in flight {}", moment.snapshot.in_flight), 2});
  if (moment.snapshot.waiting > 0) line.push_back({tr("waiting {}", moment.snapshot.waiting), 3});
  return line;
}

Piece last_error(const Moment& moment) {
  if (!moment.last_error) return {tr("no error"), 2, Style::faint};
  return {tr("last error {} {}", escape_for_terminal(moment.last_error->code),
             format_local_clock(moment.last_error->at)),
          0, Style::notable};
}

std::string steering_command(const Moment& moment) {
  if (moment.steering.empty()) return {};
  const auto& reasons = moment.snapshot.reasons_to_wait;
  const bool is_paused =
      std::any_of(reasons.begin(), reasons.end(), [](const auto& reason) { return reason.kind == "paused"; });
  return fmt::format("cardvoid {}|stop {}", is_paused ? "resume" : "pause", moment.steering);
}

// A reason may be long, and it is what people look for: it gets two lines.
std::vector<std::string> pace_lines(const Moment& moment, const Look& look, std::size_t columns) {
  const auto words = words_for_pace(moment);
  const auto style = is_troubled(moment) ? Style::notable : Style::plain;
  Line line{{words, 0, style}};
  if (look.has_utf8) line.push_back({sparkline(moment.rates, moment.outlook.limit), 1, Style::good});
  if (display_width(words) <= columns) return {drawn(std::move(line), look, columns)};
  const auto text = wrapped(words, 2, columns);
  const auto end = text.find('\n');
  std::vector<std::string> lines{drawn({{text.substr(0, end), 0, style}}, look, columns)};
  if (end == std::string::npos) return lines;
  auto rest = text.substr(end + 1);
  std::replace(rest.begin(), rest.end(), '\n', ' ');
  lines.push_back(drawn({{rest, 0, style}}, look, columns));
  return lines;
}

}  // namespace

std::int64_t Moment::in_doubt() const {
  const auto under_way = snapshot.in_flight + snapshot.preparing;
  return totals.unresolved + std::max<std::int64_t>(totals.in_flight - under_way, 0);
}

double Moment::percent() const {
  const auto rows = totals.rows();
  if (rows == 0 || done() == rows) return 100;
  return std::floor(1000.0 * static_cast<double>(done()) / static_cast<double>(rows)) / 10;
}

std::vector<std::string> live_lines(const Moment& moment, const Look& look) {
  const auto columns = std::max<std::size_t>(look.columns, 2) - 1;
  const auto most = std::clamp<std::size_t>(look.rows > 1 ? look.rows - 1 : 1, 1, k_most_lines);
  struct Ranked {
    std::string text;
    int rank;
  };
  std::vector<Ranked> lines{{drawn(heading(moment), look, columns), 5},
                            {drawn(progress(moment, look, columns), look, columns), 0},
                            {drawn(counts(moment, true), look, columns), 2}};
  int rank = 1;
  for (auto& line : pace_lines(moment, look, columns))
    lines.push_back({std::move(line), std::exchange(rank, 3)});
  lines.push_back({drawn(endpoints(moment), look, columns), 6});
  lines.push_back(
      {drawn({last_error(moment), {steering_command(moment), 1, Style::faint}}, look, columns), 4});
  std::vector<std::string> shown;
  while (lines.size() > most)
    lines.erase(std::max_element(lines.begin(), lines.end(),
                                 [](const Ranked& a, const Ranked& b) { return a.rank < b.rank; }));
  for (auto& line : lines) shown.push_back(std::move(line.text));
  return shown;
}

std::string live_line(const Moment& moment) {
  auto text = words_for_progress(moment) + "  " + tr("this run {}", grouped(moment.done_by_run()));
  for (const auto& piece : counts(moment, false)) text += "  " + piece.text;
  text += "  " + words_for_pace(moment);
  text += "  " + words_for_endpoints(moment);
  text += "  " + tr("in flight {}", moment.snapshot.in_flight);
  if (moment.snapshot.waiting > 0) text += "  " + tr("waiting {}", moment.snapshot.waiting);
  if (moment.last_error)
    text += "  " + tr("last error {} {}", escape_for_terminal(moment.last_error->code),
                      format_local_clock(moment.last_error->at));
  return text + "  " + run::words_for_end(moment.outlook, moment.now);
}

}  // namespace cardvoid::report
