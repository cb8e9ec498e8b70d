#include "init_file.hpp"

#include <fmt/format.h>

#include <cardvoid/base/text.hpp>
#include <cardvoid/base/translate.hpp>

namespace cardvoid::cli {

namespace {

// `key = "value"`, with a comment in the same column where there is room.
std::string pair(std::string_view key, std::string_view value, std::string_view comment = {}) {
  constexpr std::size_t k_column = 52;
  auto line = fmt::format("{} = {}", key, toml_quoted(value));
  if (!comment.empty()) {
    const auto width = display_width(line);
    line += std::string(width + 1 < k_column ? k_column - width : 1, ' ').append("# ").append(comment);
  }
  return line + "\n";
}

std::string merchant(const JobDraft& draft) {
  std::string text{"[merchant]\n"};
  if (draft.api == model::Api::partner) {
    text += pair("api", "partner", tr("a service provider acts for the brand"));
    text += pair("mchid", draft.mchid, tr("the service provider's merchant number"));
  } else {
    text += pair("api", "brand", tr("the brand acts for itself"));
    text += pair("brand_id", draft.brand_id);
  }
  text += pair("serial_no", draft.serial_no, "openssl x509 -in apiclient_cert.pem -noout -serial");
  text += pair("private_key_file", draft.private_key_file, "chmod 600");
  if (!draft.passphrase_file.empty()) text += pair("passphrase_file", draft.passphrase_file, "chmod 600");
  return text;
}

std::string platform(const JobDraft& draft) {
  std::string text{"[platform]\n" + tr("# An answer that this does not verify is never believed.\n")};
  if (!draft.certificates_dir.empty())
    return text +
           pair("certificates_dir", draft.certificates_dir, tr("put a new certificate beside the old ones"));
  return text + pair("public_key_id", draft.public_key_id) + pair("public_key_file", draft.public_key_file);
}

std::string sql_name(std::string_view name) {
  std::string quoted{'"'};
  for (const char c : name) quoted += c == '"' ? "\"\"" : std::string{c};
  return quoted + '"';
}

// A query takes the columns of the list by their names, so that the job file needs no `columns`.
std::string query(const JobDraft& draft) {
  std::string names;
  for (const std::string ours : {"code", "card_id", "openid", "reason", "brand_id"}) {
    const auto found = draft.columns.find(ours);
    if (found == draft.columns.end()) continue;
    names += (names.empty() ? "" : ", ") +
             (found->second == ours ? ours : fmt::format("{} AS {}", sql_name(found->second), ours));
  }
  return fmt::format("SELECT {} FROM {}", names, sql_name(draft.table));
}

std::string input(const JobDraft& draft) {
  if (!draft.table.empty())
    return "[input]\n" + pair("sqlite", draft.list, tr("opened read-only, read in one snapshot")) +
           tr("# Which rows of the table are meant? Add a WHERE.\n") + pair("query", query(draft));
  auto text = "[input]\n" + pair("csv", draft.list);
  if (const auto line = input::columns_line(draft.columns); !line.empty())
    text += tr("# Our name = the list's name.\n") + line + "\n";
  return text;
}

std::string defaults(const JobDraft& draft) {
  std::string pairs;
  const bool names_brand = draft.api == model::Api::partner && !draft.columns.contains("brand_id");
  if (names_brand) pairs += pair("brand_id", draft.brand_id);
  if (!draft.columns.contains("card_id")) pairs += pair("card_id", draft.card_id);
  if (!draft.reason.empty()) pairs += pair("reason", draft.reason, tr("members read it"));
  return pairs.empty() ? "" : "[defaults]\n" + tr("# For rows that leave them out.\n") + pairs + "\n";
}

std::string safety(const JobDraft& draft) {
  auto text =
      "[safety]\n" +
      tr("# WeChat Pay demands that members are told beforehand and agree (事先告知并取得同意), and an "
         "invalidation cannot\n"
         "# be undone. Who took care of that, and when? Without it nothing is sent.\n") +
      pair("acknowledge", draft.acknowledge);
  if (draft.acknowledge_file.empty())
    text += tr("# The proof of it; its SHA-256 is kept with every run.\n") +
            "# acknowledge_file = \"consent.pdf\"\n";
  else
    text += pair("acknowledge_file", draft.acknowledge_file, tr("its SHA-256 is kept with every run"));
  text +=
      tr("# The first cards go one by one, each read back as INVALID before the next; one that fails stops "
         "the job.\n") +
      "canary = 5\n" + tr("# A list with more cards than this is the wrong list.\n") + "# max_rows = 1000\n" +
      tr("# Cards and members that must never be sent, even if the list has them.\n") +
      "# protect = \"protect.csv\"\n" + tr("# Send only at these hours.\n") + "# window = \"01:00-06:00\"\n" +
      tr("# Whose hours these are, and the times that people read.\n");
  return text +
         (draft.timezone.empty() ? "# timezone = \"Asia/Shanghai\"\n" : pair("timezone", draft.timezone));
}

}  // namespace

std::string job_text(const JobDraft& draft) {
  return tr("# Written by `cardvoid init`; change what you like. Paths are relative to this file's "
            "folder.\n") +
         "\n" + pair("name", draft.name) + "\n" + merchant(draft) + "\n" + platform(draft) + "\n" +
         input(draft) + "\n" + defaults(draft) + "[limits]\n" +
         tr("# What the platform documents for one merchant, all its programs together.\n") +
         "requests_per_second = 5\n\n" + safety(draft) + "\n[results]\n" +
         tr("# A rerun resumes from this file, and auditors read it. Not on a network file system.\n") +
         pair("database", draft.name + ".db");
}

}  // namespace cardvoid::cli
