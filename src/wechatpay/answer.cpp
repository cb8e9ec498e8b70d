#include <fmt/format.h>

#include <algorithm>
#include <cardvoid/base/mask.hpp>
#include <cardvoid/base/text.hpp>
#include <cardvoid/base/translate.hpp>
#include <cardvoid/wechatpay/answer.hpp>
#include <charconv>
#include <span>

#include "answer_body.hpp"
#include "timestamp.hpp"

namespace cardvoid::wechatpay {

namespace {

using model::Outcome;
using model::OutcomeKind;

constexpr std::size_t k_code_bytes = 64, k_message_bytes = 512, k_request_id_bytes = 128,
                      k_read_of_message_bytes = 4'096;
constexpr std::size_t k_excerpt_bytes = 160, k_title_bytes = 80;
constexpr std::chrono::hours k_longest_wait{1};

// ---- the table of answers other than 2xx ----

using Words = std::span<const std::string_view>;

// SIGN_ERROR has many messages; these words mean the clock (docs/platform.md 3.4).
constexpr std::string_view k_clock[] = {"timestamp", "时间戳",    "时间差",       "时间不得超过",   "5分钟",
                                        "5 分钟",    "5 minutes", "five minutes", "time difference"};
// … of the key named by Wechatpay-Serial (section 4.2), which is the same for every row …
constexpr std::string_view k_our_key[] = {"wechatpay-serial", "平台证书序列号", "微信支付公钥"};
// … and of headers that something on the way has removed (section 3.6).
constexpr std::string_view k_our_headers[] = {"user-agent"};
constexpr Words k_any_message{};

// `code`: "*" is any body, JSON or not; "" a body that is not a JSON error; "*_X" a code with that ending.
struct Rule {
  unsigned first, last;  // status
  std::string_view code;
  Words message;  // any of these words, upper or lower case
  OutcomeKind kind;
};

// The first rule that fits counts; what none fits is an unknown answer. For users: docs/answers.md.
constexpr Rule k_rules[] = {
    // the code alone decides, with any status (docs/platform.md section 5.2 has several spellings)
    {300, 599, "FREQUENCY_LIMITED", k_any_message, OutcomeKind::throttled},
    {300, 599, "RATELIMIT_EXCEEDED", k_any_message, OutcomeKind::throttled},
    {300, 599, "RATELIMIT_EXCEED", k_any_message, OutcomeKind::throttled},
    {300, 599, "RATE_LIMITED", k_any_message, OutcomeKind::throttled},
    {300, 599, "NO_AUTH", k_any_message, OutcomeKind::credentials_refused},
    {400, 499, "SIGN_ERROR", k_clock, OutcomeKind::clock_refused},
    {400, 499, "SIGN_ERROR", k_any_message, OutcomeKind::credentials_refused},
    // the status alone decides, with any body
    {429, 429, "*", k_any_message, OutcomeKind::throttled},
    {401, 401, "*", k_clock, OutcomeKind::clock_refused},
    {401, 401, "*", k_any_message, OutcomeKind::credentials_refused},
    {403, 403, "*", k_any_message, OutcomeKind::credentials_refused},
    {405, 405, "*", k_any_message, OutcomeKind::setup_refused},
    {501, 599, "*", k_any_message, OutcomeKind::gateway_error},
    {402, 402, "*", k_any_message, OutcomeKind::unknown_answer},  // from here on 400 to 404 means 400 and 404
    // the platform fails; also with 400 and 404, since a code may come with several statuses
    {500, 500, "", k_any_message, OutcomeKind::gateway_error},
    {400, 500, "SYSTEM_ERROR", k_any_message, OutcomeKind::system_error},
    {400, 500, "BIZ_ERR_NEED_RETRY", k_any_message, OutcomeKind::system_error},
    {500, 500, "SERVICE_UNAVAILABLE", k_any_message, OutcomeKind::system_error},
    // wrong for every row
    {400, 400, "PARAM_ERROR", k_our_key, OutcomeKind::credentials_refused},
    {400, 400, "INVALID_REQUEST", k_our_key, OutcomeKind::credentials_refused},
    {400, 400, "INVALID_REQUEST", k_our_headers, OutcomeKind::setup_refused},
    {404, 404, "", k_any_message, OutcomeKind::setup_refused},
    // the platform's word on this row
    {400, 404, "PARAM_ERROR", k_any_message, OutcomeKind::refused},
    {400, 404, "INVALID_REQUEST", k_any_message, OutcomeKind::refused},
    {400, 404, "*_NOT_EXISTS", k_any_message, OutcomeKind::refused},
    {400, 404, "*_NOT_EXIST", k_any_message, OutcomeKind::refused},
    {400, 404, "*NOT_FOUND", k_any_message, OutcomeKind::refused},
    {400, 404, "APPID_MCHID_NOT_MATCH", k_any_message, OutcomeKind::refused},
    {400, 404, "RULE_LIMIT", k_any_message, OutcomeKind::refused},
};

bool fits_code(std::string_view pattern, std::string_view code) {
  if (pattern.starts_with('*')) return code.ends_with(pattern.substr(1));
  return pattern == code;
}

// Where `word` stands in `text`, upper or lower case; npos: nowhere.
std::size_t find_word(std::string_view text, std::string_view word) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; };
  const auto found = std::search(text.begin(), text.end(), word.begin(), word.end(),
                                 [&](char a, char b) { return lower(a) == b; });
  return found == text.end() ? std::string_view::npos : static_cast<std::size_t>(found - text.begin());
}

bool contains_any(std::string_view message, Words words) {
  return std::any_of(words.begin(), words.end(), [&](std::string_view word) {
    return find_word(message, word) != std::string_view::npos;
  });
}

// `message`: nullopt when the answer has two that differ. Then no rule that reads it fits. Nor is the row
// refused where such a rule might have blamed us.
OutcomeKind look_up(unsigned status, std::string_view code, std::optional<std::string_view> message) {
  bool may_be_ours = false;
  for (const auto& rule : k_rules) {
    if (status < rule.first || status > rule.last || !fits_code(rule.code, code)) continue;
    const bool reads_message = !rule.message.empty();
    may_be_ours = may_be_ours || (reads_message && !message);
    if (reads_message && !(message && contains_any(*message, rule.message))) continue;
    const bool is_open = may_be_ours && rule.kind == OutcomeKind::refused;
    return is_open ? OutcomeKind::unknown_answer : rule.kind;
  }
  return OutcomeKind::unknown_answer;
}

// An answer that gives two codes is the word on nothing, whichever of them stands first.
OutcomeKind judge(unsigned status, const Body& body) {
  if (body.has_two_codes) return OutcomeKind::unknown_answer;
  if (!body.error) return look_up(status, "", "");
  const auto& [code, message, has_two_messages] = *body.error;
  return look_up(status, code, has_two_messages ? std::nullopt : std::optional<std::string_view>{message});
}

// ---- texts ----

bool is_compressed(const AnswerHeaders& headers) {
  return !headers.content_encoding.empty() && headers.content_encoding != "identity";
}

// The header's own word only where it is one that HTTP knows.
std::string_view describe_encoding(const AnswerHeaders& headers) {
  constexpr std::string_view k_known[] = {"gzip", "br", "deflate", "zstd", "compress", "x-gzip"};
  const auto* const found = std::find(std::begin(k_known), std::end(k_known), headers.content_encoding);
  return found == std::end(k_known) ? std::string_view{"an unknown Content-Encoding"} : *found;
}

// An HTML page says in its title what it is. Its text would fill a warning with markup.
std::string describe_page(std::string_view page) {
  constexpr std::string_view k_title = "<title>";
  const auto begin = find_word(page, k_title);
  if (begin == std::string_view::npos) return "an HTML page";
  const auto rest = page.substr(begin + k_title.size());
  std::string title;
  for (const char c : rest.substr(0, std::min(rest.find('<'), rest.size()))) {
    const bool is_blank = c == ' ' || c == '\n' || c == '\r' || c == '\t';
    if (!is_blank)
      title += c;
    else if (!title.empty() && title.back() != ' ')
      title += ' ';
  }
  if (title.ends_with(' ')) title.pop_back();
  if (title.empty()) return "an HTML page";
  return fmt::format("an HTML page, \"{}\"", cut(mask_words(title), k_title_bytes));
}

bool is_page(const AnswerHeaders& headers, std::string_view bytes) {
  const auto begin = bytes.substr(std::min(bytes.find_first_not_of(" \r\n\t"), bytes.size()));
  return find_word(headers.content_type.substr(0, 9), "text/html") == 0 ||
         find_word(begin.substr(0, 9), "<!doctype") == 0 || find_word(begin.substr(0, 5), "<html") == 0;
}

// What a body that is not a JSON error is, so that an operator can recognise whose it is.
std::string describe_body(const Answer& answer, const Body& body, std::string_view bytes) {
  if (bytes.empty()) return fmt::format("HTTP {} with an empty body", answer.status);
  if (body.has_two_codes)
    return fmt::format("HTTP {} with JSON in which code stands twice, with different values", answer.status);
  if (body.is_json)
    return fmt::format("HTTP {} with JSON that is not an error", answer.status);  // maybe a card
  if (is_compressed(answer.headers))
    return fmt::format("HTTP {} with a compressed body ({})", answer.status,
                       describe_encoding(answer.headers));
  if (is_page(answer.headers, bytes))
    return fmt::format("HTTP {} with {}", answer.status, describe_page(bytes));
  // Whose it is shows in its first words; what looks like an identifier may be anybody's.
  std::string excerpt{cut(mask_words(cut(bytes, k_read_of_message_bytes)), k_excerpt_bytes)};
  std::replace_if(
      excerpt.begin(), excerpt.end(), [](char c) { return c == '\n' || c == '\r' || c == '\t'; }, ' ');
  return fmt::format("HTTP {} without JSON: {}", answer.status, excerpt);
}

// Why a signature proves nothing, and what a person should look at.
struct Doubt {
  std::string what, advice;
};

// A serial number in hex or a public key's id; in any other form, or no longer than a card's code may be, it
// may be anything.
std::string describe_serial(std::string_view serial) {
  constexpr std::string_view k_id = "PUB_KEY_ID_", k_hex = "0123456789ABCDEFabcdef";
  constexpr std::size_t k_longest_code = 32;
  const bool is_id = serial.starts_with(k_id);
  const auto digits = serial.substr(is_id ? k_id.size() : 0);
  const bool is_one = (is_id || serial.size() > k_longest_code) && serial.size() <= k_code_bytes &&
                      digits.find_first_not_of(k_hex) == std::string_view::npos;
  if (is_one) return fmt::format("Wechatpay-Serial {}", serial);
  return fmt::format("Wechatpay-Serial {}, in no form that the platform uses", mask(serial));
}

Doubt describe_stale(const AnswerHeaders& headers, const std::optional<WallTime>& now) {
  const auto signed_at = parse_timestamp(headers.timestamp);
  if (!signed_at)
    return {"its Wechatpay-Timestamp is not a time in seconds (stale)",
            translatable("something on the way changes the platform's headers")};
  if (!now)
    return {"its Wechatpay-Timestamp is 5 minutes or more away from this machine's clock (stale)",
            translatable("set this machine's clock")};
  auto what = fmt::format("its clock is {} by its Wechatpay-Timestamp, and 5 minutes are too much (stale)",
                          humanize_offset(*signed_at - *now));
  // The Date tells a wrong clock from an answer that was kept somewhere and is old.
  const auto sent_at = parse_http_date(headers.date);
  if (sent_at && std::chrono::abs(*sent_at - *now) < std::chrono::abs(*sent_at - *signed_at))
    return {std::move(what), translatable("its Date agrees with this machine's clock, so it was signed at "
                                          "another time than it was sent: does "
                                          "something on the way repeat old answers?")};
  return {std::move(what), translatable("set this machine's clock, which the platform's shows to be wrong")};
}

Doubt describe(const Answer& answer, const Reading& reading) {
  constexpr const char* k_check_key =
      translatable("check platform.public_key_id and platform.public_key_file, or platform.certificates_dir");
  switch (answer.verdict) {
    case Verdict::verified: return {"its signature verifies", ""};
    case Verdict::no_signature:
      return {"it carries no signature (no_signature)",
              translatable("does something on the way answer in the platform's place or remove its headers? "
                           "Check endpoints "
                           "and proxies")};
    case Verdict::unknown_key:
      return {fmt::format("it is signed with a key that the job does not name: {} (unknown_key)",
                          describe_serial(answer.headers.serial)),
              k_check_key};
    case Verdict::stale: return describe_stale(answer.headers, reading.now);
    case Verdict::probe: return {"it carries one of the platform's deliberate wrong signatures (probe)", ""};
    case Verdict::bad_signature: break;
  }
  if (!is_compressed(answer.headers)) return {"its signature does not verify (bad_signature)", k_check_key};
  return {
      fmt::format("its body is compressed ({}), which was not asked for, and the signature is that of the "
                  "plain body (bad_signature)",
                  describe_encoding(answer.headers)),
      translatable("a proxy or gateway on the way compresses answers: switch that off, or go around it")};
}

// What a refusal of our clock or our rights may mean. Empty for other outcomes.
std::string advice_for(const Answer& answer, OutcomeKind kind, const Reading& reading) {
  if (kind == OutcomeKind::clock_refused) {
    const auto sent_at = parse_http_date(answer.headers.date);
    if (!sent_at || !reading.now) return translatable("set this machine's clock");
    return fmt::format("set this machine's clock: the platform's is {} by the answer's Date",
                       humanize_offset(*sent_at - *reading.now));
  }
  if (kind == OutcomeKind::credentials_refused && answer.status == 403)
    return translatable(
        "if other cards go through, it is this card or the right to it; if none does, the merchant's "
        "rights, or "
        "a firewall on the way");
  return "";
}

// ---- headers ----

// Seconds, or a date compared with the answer's own Date, so that this machine's clock does not matter.
std::optional<milliseconds> read_retry_after(const AnswerHeaders& headers) {
  const std::string_view text = headers.retry_after;
  if (text.empty()) return std::nullopt;
  if (text.find_first_not_of("0123456789") == std::string_view::npos) {
    std::int64_t seconds = 0;
    const auto parsed = std::from_chars(text.data(), text.data() + text.size(), seconds);
    if (parsed.ec != std::errc{} || seconds > std::chrono::seconds{k_longest_wait}.count())
      return k_longest_wait;
    return std::chrono::seconds{seconds};
  }
  const auto until = parse_http_date(text), sent = parse_http_date(headers.date);
  if (!until || !sent) return std::nullopt;
  return std::clamp<milliseconds>(*until - *sent, milliseconds{0}, k_longest_wait);
}

std::optional<WallTime> read_server_time(const Answer& answer) {
  if (answer.verdict == Verdict::verified)
    if (const auto signed_at = parse_timestamp(answer.headers.timestamp)) return signed_at;
  return parse_http_date(answer.headers.date);
}

// ---- 2xx, and the whole ----

void explain(Outcome& outcome, OutcomeKind kind, std::string_view code, std::string_view message) {
  outcome.kind = kind;
  outcome.error_code = printable(code, k_code_bytes);
  outcome.error_message = printable(message, k_message_bytes);
}

// The platform's message may repeat the request (docs/platform.md section 5.1). Masked before it is cut, so
// that no half of an openid remains. A short code is not masked: it would garble the message.
std::string without_personal_data(std::string_view text, const model::Card& card) {
  constexpr std::size_t k_least_code = 9;
  auto masked = mask_in(cut(text, k_read_of_message_bytes), card.openid);
  return card.code.size() < k_least_code ? masked : mask_in(masked, card.code);
}

// It may name other members and cards too.
std::string describe_message(const ErrorFields& error, const model::Card& card) {
  const auto text = mask_words(without_personal_data(error.message, card));
  return error.has_two_messages ? "message stands twice, with different values: " + text : text;
}

// What is wrong with a verified answer about a card; empty: it is about the one that was asked for.
struct Difference {
  std::string what, advice;
};

// Code, template and member must be those of the request. Not brand_id: the platform's own example answers
// with another one than requested (docs/platform.md 1.5).
Difference find_difference(const CardFields& card, const model::Card& asked, const Reading& reading) {
  if (card.user_card_code != asked.code || card.card_id != asked.card_id)
    return {fmt::format("the answer is about another card: code {} of template {}", mask(card.user_card_code),
                        without_personal_data(card.card_id, asked)),
            ""};
  if (reading.match_openid && card.openid != asked.openid)
    return {fmt::format("the answer is about this card in the hands of another member: openid {}",
                        mask(card.openid)),
            translatable(
                "has the list the openids of the card template's AppID? If the platform answers with other "
                "openids as a "
                "rule, safety.match_openid = false is for that")};
  return {};
}

void classify_card(Outcome& outcome, const CardFields& card, const Answer& answer, model::AttemptKind kind,
                   const model::Card& asked) {
  outcome.card_state = card.user_card_state;
  outcome.invalid_time = card.invalid_time;
  outcome.other_brand = !card.brand_id.empty() && card.brand_id != asked.brand_id;
  outcome.kind = card.user_card_state == "INVALID" ? OutcomeKind::confirmed : OutcomeKind::not_invalid;
  if (outcome.kind == OutcomeKind::not_invalid && kind == model::AttemptKind::invalidate)
    explain(outcome, OutcomeKind::not_invalid, "NOT_INVALID",
            fmt::format("HTTP {}, yet the card is {}", answer.status,
                        without_personal_data(card.user_card_state, asked)));
}

void classify_success(Outcome& outcome, const Answer& answer, model::AttemptKind kind,
                      const model::Card& asked, const Reading& reading) {
  if (answer.status == 202)
    return explain(outcome, OutcomeKind::accepted, "ACCEPTED", "HTTP 202: accepted and not processed yet");
  if (answer.verdict != Verdict::verified) {
    const auto doubt = describe(answer, reading);
    outcome.advice = doubt.advice;
    const bool is_probe = answer.verdict == Verdict::probe;
    return explain(outcome, is_probe ? OutcomeKind::probe_signature : OutcomeKind::unverified,
                   is_probe ? "PROBE_SIGNATURE" : "UNVERIFIED",
                   fmt::format("HTTP {}: {}", answer.status, doubt.what));
  }
  const auto body = read_body(answer.body, reading.match_openid ? Openid::needed : Openid::ignored);
  if (!body.card && body.error)
    return explain(outcome, OutcomeKind::unreadable,
                   mask_words(without_personal_data(body.error->code, asked)),
                   describe_message(*body.error, asked));
  if (!body.card && body.flaw.starts_with("openid is missing"))
    outcome.advice =
        translatable("if the platform leaves it out as a rule, safety.match_openid = false is for that");
  if (!body.card)
    return explain(outcome, OutcomeKind::unreadable, "UNREADABLE",
                   fmt::format("HTTP {} whose body is not a card: {}", answer.status, body.flaw));
  if (const auto difference = find_difference(*body.card, asked, reading); !difference.what.empty()) {
    outcome.advice = difference.advice;
    return explain(outcome, OutcomeKind::wrong_card, "WRONG_CARD", difference.what);
  }
  classify_card(outcome, *body.card, answer, kind, asked);
}

void classify_failure(Outcome& outcome, const Answer& answer, const model::Card& card,
                      const Reading& reading) {
  if (answer.verdict != Verdict::verified && answer.verdict != Verdict::no_signature) {
    const auto doubt = describe(answer, reading);
    outcome.retry_after.reset();
    outcome.advice = doubt.advice;
    return explain(outcome, OutcomeKind::distrusted, "DISTRUSTED",
                   fmt::format("HTTP {} is not believed: {}", answer.status, doubt.what));
  }
  const auto body = read_body(answer.body, Openid::ignored);
  const auto kind = judge(answer.status, body);
  outcome.advice = advice_for(answer, kind, reading);
  if (body.error)
    return explain(outcome, kind, mask_words(without_personal_data(body.error->code, card)),
                   describe_message(*body.error, card));
  explain(outcome, kind, fmt::format("HTTP_{}", answer.status),
          describe_body(answer, body, without_personal_data(answer.body, card)));
}

}  // namespace

Outcome classify(const Answer& answer, model::AttemptKind kind, const model::Card& card,
                 const Reading& reading) {
  Outcome outcome;
  outcome.http_status = answer.status;
  outcome.is_signed = answer.verdict == Verdict::verified;
  outcome.request_id = printable(without_personal_data(answer.headers.request_id, card), k_request_id_bytes);
  outcome.retry_after = read_retry_after(answer.headers);
  outcome.server_time = read_server_time(answer);
  const auto read = [&](const Answer& shown) {
    if (answer.status >= 200 && answer.status < 300)
      classify_success(outcome, shown, kind, card, reading);
    else
      classify_failure(outcome, shown, card, reading);
    return std::move(outcome);
  };
  if (answer.verdict == Verdict::verified) return read(answer);  // its serial is that of one of our keys
  auto shown = answer;                                           // the header that is quoted
  shown.headers.serial = without_personal_data(answer.headers.serial, card);
  return read(shown);
}

}  // namespace cardvoid::wechatpay
