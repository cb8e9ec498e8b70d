#pragma once
// The words of the report in English and Chinese. One table: a word that lacks a language, or whose places
// ("{}") differ, does not compile, and neither does a use of a word that is not there.

#include <fmt/format.h>

#include <boost/json/object.hpp>
#include <cardvoid/base/time.hpp>
#include <cardvoid/report/job_report.hpp>
#include <cstddef>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

namespace cardvoid::report {

struct Word {
  std::string_view name, english, chinese;
  consteval Word(const char* n, const char* e, const char* c) : name{n}, english{e}, chinese{c} {
    if (name.empty() || english.empty() || chinese.empty()) throw "a word is missing";
    if (places(english) != places(chinese)) throw "the languages have different places";
  }
  static consteval int places(std::string_view text) {
    int count = 0;
    for (const char c : text) count += c == '{';
    return count;
  }
};

// Those that the template asks for as {{w.NAME}}, and those of the code.
inline constexpr Word k_report_words[]{
    // ---- head ----
    {"title", "Report: {}", "作废报告：{}"},
    {"rehearsal_title", "Rehearsal: {}", "演练报告：{}"},
    {"rehearsal_note",
     "A rehearsal ({}): no card was touched. The cards went to a simulated platform on one machine. Times "
     "are "
     "those of a real run; latencies are that machine's.",
     "演练（{}）：未作废任何卡。请求只发往本机的模拟平台。时间按真实运行的节奏计，延迟为本机数值。"},
    {"written", "Written by cardvoid {} on {}. Card codes are masked; openids are left out.",
     "由 cardvoid {} 于 {} 生成。卡号已脱敏，不含 openid。"},
    {"verdict_done", "Every card is confirmed invalid.", "所有卡均已确认作废。"},
    {"verdict_losses", "Nothing is left to send. {} of {} cards were not invalidated.",
     "没有待发送的卡。共有 {} 张未作废（总计 {} 张）。"},
    {"verdict_held",
     "Nothing is left to send now. {} of {} cards are not invalidated; see below what holds them back.",
     "目前没有可发送的卡。还有 {} 张未作废（总计 {} 张），原因见下文。"},
    {"verdict_sample",
     "A sample: the first {} of {} cards were rehearsed. The others were left out of it; a real run sends "
     "them too.",
     "抽样演练：只演练了前 {} 张卡（共 {} 张），其余未参与；真实运行会全部发送。"},
    {"verdict_left", "Work is left: {} of {} cards are still to be sent or settled.",
     "任务尚未完成：还有 {} 张待发送或待确认（总计 {} 张）。"},
    {"verdict_running",
     "Under way: {} of {} cards are still to be sent or settled. These figures are of the moment when the "
     "page was written.",
     "运行中：还有 {} 张待发送或待确认（总计 {} 张）。数字为页面生成时的状态。"},
    {"left", "As of {}: {} left, done at {}.", "截至 {}：预计还需 {}，{} 完成。"},
    {"left_pace", "As of {}: {} left, done at {}, at {} requests a second in the last minute.",
     "截至 {}：预计还需 {}，{} 完成；最近一分钟 {} 次请求/秒。"},
    {"left_untold", "As of {}: no telling when it is done.", "截至 {}：无法预计完成时间。"},
    {"left_untold_pace", "As of {}: no telling when it is done; {} requests a second in the last minute.",
     "截至 {}：无法预计完成时间；最近一分钟 {} 次请求/秒。"},
    {"left_nothing", "As of {}: nothing left to send.", "截至 {}：没有待发送的卡。"},
    {"verdict_none", "The list has no cards to send.", "名单中没有可发送的卡。"},
    {"verdict_untouched", "Nothing has been sent yet. Cards that wait: {}.",
     "尚未发送任何请求：共 {} 张卡待发送。"},
    {"tile_invalidated", "invalidated", "已作废"},
    {"tile_rejected", "rejected", "被拒绝"},
    {"tile_doubt", "in doubt", "未决"},
    {"tile_pending", "not sent", "未发送"},
    {"tile_left_out", "left out of this rehearsal", "未参与演练"},
    // ---- asked ----
    {"asked", "What was asked, and by whom", "任务内容与授权"},
    {"job", "Job", "任务"},
    {"merchant", "Merchant", "商户"},
    {"api_partner", "mchid {} (partner API)", "商户号 {}（服务商接口）"},
    {"api_brand", "brand_id {} (brand API)", "品牌 ID {}（品牌接口）"},
    {"platform", "Platform", "平台"},
    {"hosts", "{}, backup {}", "{}，备用域名 {}"},
    {"templates", "Cards", "卡"},
    {"template", "brand {}, template {}, cards: {}", "品牌 {}，卡模板 {}：{} 张"},
    {"template_more", "more templates: {}, cards: {}", "另有 {} 个卡模板：{} 张"},
    {"reasons", "What members read", "会员看到的原因"},
    {"reason", "“{}” (cards: {})", "“{}”（{} 张）"},
    {"reason_none", "no reason (cards: {})", "未填写原因（{} 张）"},
    {"reason_more", "more reasons: {}, cards: {}", "另有 {} 种原因（{} 张）"},
    {"acknowledge", "Authority", "授权依据"},
    {"list", "List", "名单"},
    {"list_lines", "lines: {}, duplicates: {}, refused: {}", "{} 行，重复 {} 行，不合格 {} 行"},
    {"list_protected", "lines of protected cards, kept out: {}", "因卡受保护而未列入：{} 行"},
    {"list_changed", "{} (file of {})", "{}（文件时间 {}）"},
    {"list_read", "read on {}", "读取于 {}"},
    {"list_read_by", "read on {} by {}", "由 {1} 于 {0} 读取"},
    {"list_more", "{} earlier readings of a list are on record", "另有 {} 次更早的名单读取记录"},
    {"plan", "Plan", "计划"},
    {"plan_made", "made on {}, cards: {}", "制定于 {}，{} 张卡"},
    {"plan_made_by", "made on {} by {}, cards: {}", "由 {1} 于 {0} 制定，{2} 张卡"},
    {"plan_confirmed", "agreed to on {}", "批准于 {}"},
    {"plan_confirmed_by", "agreed to on {} by {}", "由 {1} 于 {0} 批准"},
    {"fingerprint", "fingerprint", "指纹"},
    {"sent_by", "Sent by", "执行人"},
    {"sent_by_one", "{} on {}", "{}（主机 {}）"},
    {"limits", "Limits", "限制"},
    {"limit_merchant", "{} requests/s for the merchant", "每商户 {} 次请求/秒"},
    {"limit_brand", "{} requests/s for each brand", "每品牌 {} 次请求/秒"},
    {"limit_canary", "canary {}", "首批逐张试发 {} 张"},
    {"limit_failures", "stops above {} of rejected cards", "拒绝比例超过 {} 时停止"},
    {"limit_window", "sends only {}", "仅在 {} 发送"},
    {"limit_protect", "protected cards {}", "保护名单 {}"},
    {"not_noted", "not on record", "无记录"},
    // ---- outcome ----
    {"outcome", "Outcome", "结果"},
    {"count", "Cards", "张数"},
    {"share", "Share", "占比"},
    {"meaning", "Meaning", "说明"},
    {"invalidated", "Invalidated", "已作废"},
    {"by_answer", "by our answer", "由本任务作废"},
    {"by_answer_means", "a verified answer to our request says INVALID",
     "平台对本任务请求的应答经验签，状态为 INVALID"},
    {"by_read_back", "found INVALID after a lost answer", "应答丢失，查询确认"},
    {"by_read_back_means", "the card was read back, and a verified answer says INVALID",
     "应答丢失后查询该卡，应答经验签，状态为 INVALID"},
    {"by_already", "INVALID before us", "此前已作废"},
    {"by_already_means", "it was INVALID before our first request", "在本任务首次请求之前，状态已为 INVALID"},
    {"rejected", "Rejected", "被拒绝"},
    {"rejected_means", "the platform refused the card, and it is not INVALID", "平台拒绝了请求，该卡未作废"},
    {"accepted", "Settled by a person", "人工了结"},
    {"accepted_means", "rejected {}, in doubt {}; `cardvoid accept` has the notes",
     "被拒绝 {} 张，未决 {} 张；备注见 `cardvoid accept` 记录"},
    {"doubt", "In doubt", "未决"},
    {"doubt_means",
     "a request may have changed the card, and no verified answer says so; the next run reads it back",
     "请求可能已生效，但没有经过验签的应答；下次运行会先查询"},
    {"held", "of these held", "其中挂起"},
    {"held_means", "the platform’s answers are unclear: sent again only after `cardvoid retry`",
     "平台应答不明确：执行 `cardvoid retry` 之后才会重发"},
    {"pending", "Not sent", "未发送"},
    {"to_send", "to send", "待发送"},
    {"to_send_means", "the next run sends them", "下次运行时发送"},
    {"left_out", "left out of this rehearsal", "未参与演练"},
    {"left_out_means", "a real run sends them too", "真实运行会发送"},
    {"left_list", "left the list", "已不在名单中"},
    {"left_list_means", "the newest list no longer has them", "最新名单不再包含"},
    {"conflicts", "in conflict", "与名单冲突"},
    {"conflicts_means", "the newest list names another openid or reason than was sent",
     "最新名单中的 openid 或原因与已发送的不一致"},
    {"protected", "protected", "受保护"},
    {"protected_means", "never sent", "绝不发送"},
    {"total", "All cards of the plan", "计划内全部卡"},
    {"refused_beside", "Beside them, lines of the list that never became cards: {}; see below.",
     "此外，名单中有 {} 行不合格，未成为卡，见下文。"},
    {"protected_late", "Invalidated before they were protected: {}. The protection came too late.",
     "有 {} 张卡在加入保护之前已作废。"},
    // ---- progress ----
    {"progress", "Progress over time", "进度"},
    {"progress_alt", "From {} to {}: {} cards invalidated and {} rejected, of {}.",
     "{} 至 {}：已作废 {} 张，被拒绝 {} 张，共 {} 张。"},
    {"all_cards", "all cards", "全部卡"},
    {"shade_outage", "outage", "平台故障"},
    {"shade_paused", "paused", "人工暂停"},
    {"shade_slowed", "slowed by 429", "因 429 降速"},
    {"shade_closed", "outside the window", "发送时段之外"},
    {"shade_idle", "no run", "未运行"},
    {"held_up", "What held it up", "停顿与降速"},
    {"held_up_none", "Nothing on record held the runs up.", "没有停顿或降速的记录。"},
    {"why", "Why", "原因"},
    {"times", "Times", "次数"},
    {"in_all", "In all", "合计"},
    {"longest", "Longest", "最长一次"},
    {"longest_since", "{} from {}", "{}，自 {} 起"},
    {"wait_paused", "paused by a person", "人工暂停"},
    {"wait_throttled", "stood still after 429: too many requests for the platform",
     "平台返回 429（请求过多），暂停发送"},
    {"wait_slowed", "slower than the limit after 429", "因 429 低于限制速率"},
    {"wait_endpoints_down", "neither endpoint served", "主域名、备用域名均不可用"},
    {"wait_platform_errors", "the platform answered with errors", "平台持续返回错误"},
    {"wait_credentials", "asked whether our credentials still hold", "核实凭证是否仍然有效"},
    {"wait_canary", "canary: one card at a time", "首批逐张试发"},
    {"wait_shared", "shared the limit with other runs", "与其他运行共用频率限制"},
    {"wait_rate_set", "another rate was set by a person", "人工调整了速率"},
    {"wait_stopping", "was stopping", "正在停止"},
    // ---- rate ----
    {"rate", "Rate against the limit", "速率与限制"},
    {"rate_alt", "{} requests in {} of running: {} a second on average",
     "运行 {1}，共发送 {0} 次请求：平均 {2} 次/秒"},
    {"rate_busiest", "; {} a second in the busiest minute", "，最繁忙的一分钟为 {} 次/秒"},
    {"rate_limit_was", ". The limit was {} a second.", "。限制为 {} 次/秒。"},
    {"rate_limits", ". The limit was {} to {} a second.", "。各次运行的限制为 {} 至 {} 次/秒。"},
    {"requests_per_second", "requests/s", "请求/秒"},
    {"rate_limit", "limit", "限制"},
    // ---- latency ----
    {"latency", "Latency", "时延"},
    {"latency_note", "From the first byte sent until the answer was read, of the {} requests that got one.",
     "自发出第一个字节至读完应答，统计有应答的 {} 次请求。"},
    {"latency_alt", "Half of the requests took at most {}, 95% at most {}, 99% at most {}; the longest {}.",
     "半数请求不超过 {}，95% 不超过 {}，99% 不超过 {}；最长 {}。"},
    {"latency_none", "No request got an answer yet.", "尚无请求得到应答。"},
    {"endpoint", "Endpoint", "域名"},
    {"primary", "primary", "主域名"},
    {"backup", "backup", "备用域名"},
    {"both", "both", "全部"},
    {"requests", "Requests", "请求数"},
    {"median", "Median", "中位数"},
    {"slowest", "Longest", "最长"},
    {"bar_up_to", "{} of requests took {} to {}", "{} 次请求耗时 {} 至 {}"},
    {"bar_above", "{} of requests took more than {}", "{} 次请求耗时超过 {}"},
    // ---- answers ----
    {"answers", "Answers by kind", "应答分类"},
    {"answers_note", "Every request of every run, read-backs too. A card can have several.",
     "包含每次运行的全部请求和查询；一张卡可能有多次请求。"},
    {"answer", "Answer", "应答"},
    {"http", "HTTP", "HTTP"},
    {"code", "Code", "错误码"},
    {"others", "{} other kinds", "其他 {} 种"},
    {"answer_open", "no end on record: still under way, or its run died",
     "没有结束记录：进行中，或运行被强行终止"},
    {"answer_confirmed", "confirmed INVALID", "确认为 INVALID"},
    {"answer_not_invalid", "the card is in another state", "该卡处于其他状态"},
    {"answer_wrong_card", "about another card", "应答的是另一张卡"},
    {"answer_unverified", "signature missing, old or wrong", "签名缺失、过期或错误"},
    {"answer_probe_signature", "the platform’s deliberate wrong signature", "平台的签名探测"},
    {"answer_unreadable", "not readable as a card", "无法解析为卡"},
    {"answer_accepted", "accepted, not processed yet (202)", "已受理，尚未处理（202）"},
    {"answer_system_error", "the platform’s system error", "平台系统错误"},
    {"answer_gateway_error", "the gateway’s error (5xx)", "网关错误（5xx）"},
    {"answer_throttled", "too many requests (429)", "请求过多（429）"},
    {"answer_clock_refused", "time stamp refused", "时间戳被拒绝"},
    {"answer_credentials_refused", "keys or rights refused", "密钥或权限被拒绝"},
    {"answer_setup_refused", "path or method refused", "路径或方法被拒绝"},
    {"answer_refused", "card refused", "该卡被拒绝"},
    {"answer_distrusted", "an error whose signature does not verify", "错误应答，验签不通过"},
    {"answer_unknown_answer", "an answer that is in no table", "未知应答"},
    {"answer_lost", "answer lost", "应答丢失"},
    {"answer_stale_connection", "connection ended before an answer", "连接在应答前断开"},
    {"answer_connection_closed", "not sent: connection was closed", "未发出：连接已关闭"},
    {"answer_not_sent", "not sent: no connection", "未发出：无法连接"},
    {"answer_bad_certificate", "not sent: certificate not trusted", "未发出：证书不可信"},
    // ---- endpoints ----
    {"endpoints", "Endpoints", "域名使用情况"},
    {"answered", "Answered", "有应答"},
    {"trouble", "In trouble", "异常"},
    {"trouble_note", "In trouble: no connection, no answer, or an error of the platform or its gateway.",
     "异常：无法连接、没有应答，或平台、网关返回错误。"},
    // ---- causes ----
    {"causes", "What was not invalidated, and what to do", "未作废的卡及处理办法"},
    {"causes_none", "No card was rejected, is in doubt or held back, and no line was refused.",
     "没有被拒绝、未决或暂不发送的卡，也没有不合格的行。"},
    {"held_back", "Cards that are held back", "暂不发送的卡"},
    {"held_back_protected", "protected", "受保护"},
    {"held_back_held", "held after unclear answers", "应答不明确，已挂起"},
    {"held_back_conflict", "in conflict with the list", "与名单冲突"},
    {"held_back_left_list", "no longer on the list", "已不在名单中"},
    {"do_held_back_protected",
     "Nothing: they are never sent, and one in doubt is only read back. When one is to end after all, take "
     "its protection back.",
     "无需处理：受保护的卡不会发送，未决的只做查询。确需作废时，先撤销其保护。"},
    {"do_held_back_held", "Find out how they stand, then `cardvoid retry` or `cardvoid accept`.",
     "查明状态后执行 `cardvoid retry` 或 `cardvoid accept`。"},
    {"do_held_back_conflict", "Correct the list, so that it says what was sent, and run the plan again.",
     "更正名单，使其与已发送的一致，再重新执行 plan。"},
    {"do_held_back_left_list", "Nothing, when they left it on purpose. They are sent once a list names them.",
     "如属有意移除，无需处理；名单再次包含时才会发送。"},
    {"cause", "Cause", "原因"},
    {"example", "Example", "示例"},
    {"example_row", "line {}, card {}", "第 {} 行，卡 {}"},
    {"platform_says", "the platform says “{}”", "平台原文：“{}”"},
    {"what_to_do", "What to do", "处理办法"},
    {"cause_no_answer", "no answer", "没有应答"},
    {"refused_lines", "Lines of the list that never became cards", "名单中不合格的行"},
    {"lines", "Lines", "行数"},
    {"line_numbers", "such as line {}", "例如第 {} 行"},
    {"refused_do", "Correct them and run the plan again. All of them, in the columns of the list:",
     "更正后重新执行 plan。按名单原有列导出全部不合格的行："},
    {"export_do", "The cards as a file:", "导出这些卡："},
    {"causes_more", "more causes: {}, cards: {}", "另有 {} 种原因：{} 张"},
    {"do_not_exists",
     "The card does not exist under this template and openid. Check code, card_id and openid with the "
     "members’ system; when it is right that there is none, settle it with `cardvoid accept`.",
     "该卡模板和 openid 下不存在此卡。请与会员系统核对 code、card_id 和 openid；确认卡确实不存在时，用 "
     "`cardvoid accept` 了结。"},
    {"do_param",
     "The platform refuses a value of the request. Its words say which one; correct the list, then `cardvoid "
     "retry` and run again.",
     "平台拒绝了某个参数，原文会说明是哪一个。更正名单后执行 `cardvoid retry`，再次运行。"},
    {"do_rights",
     "The merchant may not do this with the card: check the brand’s authorisation and that mchid and "
     "template belong together.",
     "商户无权操作该卡：请检查品牌授权，以及商户号与卡模板是否对应。"},
    {"do_doubt",
     "The platform did not answer clearly. `cardvoid reconcile` reads the cards back; what stays unclear is "
     "for the platform’s support, with the Request-ID that `cardvoid show` gives.",
     "平台没有给出明确应答。执行 `cardvoid reconcile` 查询这些卡；仍不明确的，凭 `cardvoid show` 给出的 "
     "Request-ID 联系平台技术支持。"},
    {"do_wrong_card",
     "The answer was about another card. Do not send again: ask the platform’s support, with the Request-ID "
     "that `cardvoid show` gives.",
     "应答的是另一张卡。不要重发：凭 `cardvoid show` 给出的 Request-ID 联系平台技术支持。"},
    {"do_other", "docs/answers.md explains the code; `cardvoid show` tells the whole story of a card.",
     "错误码的含义见 docs/answers.md；`cardvoid show` 可查看一张卡的完整经过。"},
    // ---- runs ----
    {"runs", "Runs", "运行记录"},
    {"runs_none", "Nothing has been run yet.", "尚未运行。"},
    {"runs_more", "The last {} of {} runs.", "仅列出最近 {} 次，共 {} 次。"},
    {"run", "Run", "运行"},
    {"started", "Started", "开始时间"},
    {"lasted", "Lasted", "时长"},
    {"sent", "Sent", "发送"},
    {"confirmed", "Confirmed", "确认作废"},
    {"ended", "End", "结束"},
    {"run_under_way", "under way", "运行中"},
    {"run_died", "died without a word", "异常终止"},
    {"exit", "exit code {}: {}", "退出码 {}：{}"},
    {"exit_0", "done", "完成"},
    {"exit_1", "done, some rows rejected or refused", "完成，有行被拒绝或不合格"},
    {"exit_69", "platform unavailable", "平台不可用"},
    {"exit_74", "results could not be written", "结果无法写入"},
    {"exit_75", "stopped early, work is left", "提前停止，仍有未完成的卡"},
    {"exit_76", "stopped itself: a person must look", "自行停止，须人工查看"},
    {"exit_77", "credentials refused", "凭证被拒绝"},
    {"exit_other", "ended with an error", "出错结束"},
    // ---- proof ----
    {"proof", "SHA-256 of the results", "结果文件的 SHA-256"},
    {"proof_note", "Of the {} rows and {} bytes that this command writes while nothing changes:",
     "在结果不再变化时，以下命令导出 {} 行、{} 字节，其摘要为："},
    {"proof_running",
     "While a run is under way the results change; the digest is in the page that is written when it has "
     "ended.",
     "运行期间结果会变化；摘要在运行结束后生成的页面中给出。"},
};

class Key {
 public:
  consteval Key(const char* name) : at_{find(name)} {}
  static constexpr std::size_t find(std::string_view name) {
    for (std::size_t i = 0; i < std::size(k_report_words); ++i)
      if (k_report_words[i].name == name) return i;
    throw std::logic_error{"no such word"};
  }
  const Word& word() const { return k_report_words[at_]; }

 private:
  std::size_t at_;
};

// What a refusal with that code means and what to do about it; nullopt: a code without words of its own.
std::optional<Key> advice_on_refusal(std::string_view code);

// Speaks one of the two.
class Tongue {
 public:
  explicit Tongue(Language language) : language_{language} {}
  bool is_chinese() const { return language_ == Language::chinese; }
  std::string operator()(Key key) const { return std::string{text(key.word())}; }
  template <class... Values>
  std::string operator()(Key key, const Values&... values) const {
    return fmt::format(fmt::runtime(text(key.word())), values...);
  }
  // A word whose name is put together from one of the data: "answer_lost". `otherwise`: when there is none.
  std::string of(std::string_view prefix, std::string_view name, std::string otherwise) const;
  boost::json::object all() const;  // by name, for a template

  // Of the ledger, which has them in English only. What is not known stays English.
  struct Record {
    std::string text;
    bool is_english = true;
  };
  Record cause(std::string_view english) const;  // why a line was refused
  Record wait(std::string_view english) const;   // "paused by root", "rate set to 4/s by root"
  // Why a run ended, beside its exit code; empty: there is no more to say. In Chinese what is too rare to be
  // translated is left to `cardvoid status`.
  std::string ending(std::string_view english, std::string_view tripped_by) const;

  std::string duration(milliseconds duration) const;                 // "55h 33m", "55 小时 33 分"
  std::string percent(std::int64_t part, std::int64_t whole) const;  // "99.49%"; 0% and 100% only when exact

 private:
  std::string_view text(const Word& word) const { return is_chinese() ? word.chinese : word.english; }
  Language language_;
};

}  // namespace cardvoid::report
