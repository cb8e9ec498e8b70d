#include <fcntl.h>
#include <fmt/format.h>
#include <openssl/evp.h>
#include <unistd.h>

#include <algorithm>
#include <boost/json.hpp>
#include <cardvoid/base/ascii.hpp>
#include <cardvoid/base/file.hpp>
#include <cardvoid/base/json.hpp>
#include <cardvoid/base/text.hpp>
#include <cardvoid/base/translate.hpp>
#include <cardvoid/input/source.hpp>
#include <cardvoid/sqlite/database_file.hpp>
#include <cardvoid/wechatpay/verifier.hpp>
#include <cerrno>
#include <cstring>

#include "commands.hpp"
#include "consent.hpp"
#include "console.hpp"
#include "init_file.hpp"
#include "interview.hpp"
#include "next_steps.hpp"
#include "time_zone.hpp"

namespace cardvoid::cli {

namespace {

namespace fs = std::filesystem;

struct Options {
  fs::path job_file;
  std::string certificate;
  std::string api;  // empty: not said
  std::vector<std::string> columns;
  JobDraft draft;  // paths as they were typed, until the end
};

constexpr std::size_t k_largest_key_file = 65'536;

// ---- flags ----

Flag text_flag(std::string_view name, std::string_view value, std::string_view help, std::string& into_text,
               ValueKind kind = ValueKind::text) {
  return {.name = name, .value = value, .help = help, .kind = kind, .set = into(into_text)};
}

Words words(Options& options) {
  auto& draft = options.draft;
  constexpr auto file = ValueKind::file;
  return {
      {{.name = "JOB",
        .help = translatable(
            "The job file to write, such as gold.toml; never overwritten. Default: named after the list"),
        .kind = file,
        .required = false,
        .set = into(options.job_file)}},
      {text_flag("--list", "FILE", translatable("The list: a CSV file or an SQLite database"), draft.list,
                 file),
       text_flag("--table", "NAME", translatable("The table of the SQLite database"), draft.table),
       {.name = "--column",
        .value = "OURS=THEIRS",
        .help = translatable(
            "What the list calls one of code, openid, card_id, brand_id, reason, where init does not "
            "recognise it: code=会员号; repeatable"),
        .repeatable = true,
        .set = into(options.columns)},
       {.name = "--api",
        .value = "API",
        .help =
            translatable("Who signs: a service provider for the brand (the default), or the brand itself"),
        .choices = {"partner", "brand"},
        .set = into(options.api)},
       text_flag("--mchid", "NUMBER",
                 translatable("The service provider's merchant number; default: the certificate's"),
                 draft.mchid),
       text_flag("--brand-id", "ID", translatable("The brand, unless the list has it"), draft.brand_id),
       text_flag("--card-id", "ID", translatable("The card template, unless the list has it"), draft.card_id),
       text_flag("--private-key", "FILE", translatable("The merchant's API private key, apiclient_key.pem"),
                 draft.private_key_file, file),
       text_flag("--passphrase-file", "FILE", translatable("Holds the passphrase of an encrypted key"),
                 draft.passphrase_file, file),
       text_flag(
           "--certificate", "FILE",
           translatable(
               "The merchant's API certificate, for its serial number; default: apiclient_cert.pem beside "
               "the key"),
           options.certificate, file),
       text_flag("--serial-no", "HEX", translatable("Its serial number, where there is no certificate"),
                 draft.serial_no),
       text_flag("--public-key", "FILE", translatable("The WeChat Pay public key, wxp_pub.pem"),
                 draft.public_key_file, file),
       text_flag("--public-key-id", "ID", translatable("Its id, PUB_KEY_ID_…"), draft.public_key_id),
       text_flag("--certificates-dir", "DIR",
                 translatable("Instead of these two: a folder of platform certificates"),
                 draft.certificates_dir, ValueKind::folder),
       text_flag("--reason", "TEXT", translatable("Why, in at most 32 characters; members read it"),
                 draft.reason),
       text_flag("--acknowledge", "TEXT",
                 translatable("Who told the members beforehand and got their consent, and when"),
                 draft.acknowledge),
       text_flag("--acknowledge-file", "FILE",
                 translatable("The proof of it; its SHA-256 is kept with every run"), draft.acknowledge_file,
                 file)}};
}

Interview::Judge fits(std::string_view key) {
  return [key](const std::string& answer) -> Result<void> {
    auto fault = job::fault_of_value(key, answer);
    if (fault.empty()) return {};
    return Error{Errc::usage, std::move(fault)};
  };
}

// ---- the list ----

class Drafting {
 public:
  Drafting(Options& options, Interview& interview)
      : options_{options}, draft_{options.draft}, interview_{interview} {}

  // The questions, in the order in which one answer helps with the next.
  Result<void> ask() {
    for (const auto part :
         {&Drafting::ask_list, &Drafting::ask_columns, &Drafting::ask_key, &Drafting::ask_serial,
          &Drafting::ask_merchant, &Drafting::ask_cards, &Drafting::ask_platform, &Drafting::ask_words})
      if (const auto asked = (this->*part)(); !asked) return asked.error();
    return interview_.finish();
  }

  const std::string& serial_from() const { return serial_from_; }
  // Columns of the list that the job does not use.
  std::string unused_columns() const {
    std::string unused;
    for (const auto& name : names_)
      if (std::none_of(draft_.columns.begin(), draft_.columns.end(),
                       [&](const auto& column) { return column.second == name; }))
        unused = unused.empty() ? name : tr("{}, {}", unused, name);
    return escape_for_terminal(unused);
  }

 private:
  Result<void> read_list(const std::string& file) {
    if (file == "-")
      return Error{Errc::usage, tr("init needs a file, since it reads the list only to see its columns")};
    if (!sqlite::is_database(file)) {
      auto names = input::read_header(file);
      if (!names) return names.error();
      names_ = std::move(*names);
      return {};
    }
    auto tables = input::read_tables(file);
    if (!tables) return tables.error();
    if (tables->empty()) return Error{Errc::bad_input, tr("{}: has no table", file)};
    tables_ = std::move(*tables);
    return {};
  }

  Result<void> ask_list() {
    const auto listed = interview_.settle(
        draft_.list, {.flag = "--list FILE",
                      .text = tr("The list of cards, a CSV file or an SQLite database"),
                      .judge = [this](const std::string& file) { return read_list(file); }});
    if (!listed || tables_.empty()) {
      if (listed && !draft_.table.empty() && !draft_.list.empty())
        return Error{Errc::usage, tr("--table belongs to an SQLite database, and the list is a CSV file")};
      return listed;
    }
    return ask_table();
  }

  Result<void> ask_table() {
    std::vector<std::string> all, likely;
    for (const auto& table : tables_) {
      all.push_back(table.name);
      const auto known = input::guess_columns(table.columns);
      if (known.contains("code") && known.contains("openid")) likely.push_back(table.name);
    }
    if (draft_.table.empty() && all.size() == 1) draft_.table = all.front();
    if (draft_.table.empty() && !interview_.asks() && likely.size() == 1) draft_.table = likely.front();
    const auto find = [this](const std::string& name) {
      return std::find_if(tables_.begin(), tables_.end(),
                          [&](const input::Table& table) { return table.name == name; });
    };
    const auto judge = [&](const std::string& name) -> Result<void> {
      if (find(name) != tables_.end()) return {};
      return Error{Errc::usage, tr("there is no table {}; there are {}", name, fmt::join(all, ", "))};
    };
    const auto settled =
        interview_.settle(draft_.table, {.flag = "--table NAME",
                                         .text = tr("The table of the list ({})", fmt::join(all, ", ")),
                                         .proposal = likely.size() == 1 ? likely.front() : "",
                                         .judge = judge});
    if (settled && !draft_.table.empty()) names_ = find(draft_.table)->columns;
    return settled;
  }

  Result<void> take_columns_of_flags() {
    constexpr std::string_view k_ours[] = {"code", "openid", "card_id", "brand_id", "reason"};
    for (const auto& pair : options_.columns) {
      const auto equals = pair.find('=');
      const auto ours = pair.substr(0, equals);
      if (equals == std::string::npos ||
          std::find(std::begin(k_ours), std::end(k_ours), ours) == std::end(k_ours))
        return Error{Errc::usage, tr("--column {}: expected one of code, openid, card_id, brand_id and "
                                     "reason, = and its name in the list",
                                     escape_for_terminal(pair))};
      draft_.columns[ours] = pair.substr(equals + 1);
    }
    return {};
  }

  Result<void> ask_columns() {
    if (draft_.list.empty()) return {};  // not known; the error names --list
    draft_.columns = input::guess_columns(names_);
    if (const auto taken = take_columns_of_flags(); !taken) return taken;
    const auto judge = [this](const std::string& name) -> Result<void> {
      if (std::find(names_.begin(), names_.end(), name) != names_.end()) return {};
      return Error{Errc::usage, tr("the list has no column {}; it has {}", escape_for_terminal(name),
                                   escape_for_terminal(fmt::format("{}", fmt::join(names_, ", "))))};
    };
    for (const auto& [ours, theirs] : draft_.columns)
      if (const auto there = judge(theirs); !there) return with_context(there.error(), "--column " + ours);
    const auto columns = escape_for_terminal(fmt::format("{}", fmt::join(names_, ", ")));
    for (const auto& [ours, flag, question] :
         {std::tuple{"code", "--column code=NAME", tr("The column with the card codes ({})", columns)},
          {"openid", "--column openid=NAME", tr("The column with the openids ({})", columns)}}) {
      if (draft_.columns.contains(ours)) continue;
      std::string name;
      const auto flag_with_names = tr("{} (one of: {})", flag, columns);
      const auto settled =
          interview_.settle(name, {.flag = flag_with_names, .text = question, .judge = judge});
      if (!settled) return settled;
      if (!name.empty()) draft_.columns[ours] = name;
    }
    return {};
  }

  // ---- keys ----

  model::Merchant merchant() const {
    model::Merchant merchant;
    merchant.private_key_file = draft_.private_key_file;
    merchant.passphrase_file = draft_.passphrase_file;
    return merchant;
  }

  // The first of these that is there.
  static std::string find_file(std::initializer_list<const char*> candidates) {
    std::error_code ignored;
    for (const auto* file : candidates)
      if (fs::exists(file, ignored)) return file;
    return {};
  }

  // Keeps the key. One that is encrypted is opened with its passphrase later, and one that is not there yet
  // is judged by its name alone.
  Result<void> judge_key(const std::string& file) {
    if (const auto fit = fits("merchant.private_key_file")(file); !fit) return fit;
    std::error_code ignored;
    if (!fs::exists(file, ignored)) return {};
    const auto pem = read_file(file, k_largest_key_file, Errc::bad_credentials);
    if (!pem) return pem.error();
    if (pem->find("ENCRYPTED") != std::string::npos) return {};
    model::Merchant only_key;
    only_key.private_key_file = file;
    auto key = wechatpay::load_merchant_key(only_key);
    if (!key) return key.error();
    key_ = std::move(*key);
    return {};
  }

  static Result<void> judge_public_key(const std::string& file) {
    if (const auto fit = fits("platform.public_key_file")(file); !fit) return fit;
    std::error_code ignored;
    if (!fs::exists(file, ignored)) return {};
    const auto keys = wechatpay::load_platform_keys({{}, file, {}});
    return keys ? Result<void>{} : keys.error();
  }

  Result<void> ask_key() {
    const auto named = interview_.settle(
        draft_.private_key_file, {.flag = "--private-key FILE",
                                  .text = tr("The merchant's API private key (商户API私钥)"),
                                  .proposal = find_file({"apiclient_key.pem", "keys/apiclient_key.pem"}),
                                  .judge = [this](const auto& file) { return judge_key(file); }});
    if (!named || draft_.private_key_file.empty()) return named;
    std::error_code ignored;
    if (!fs::exists(draft_.private_key_file, ignored)) return {};  // told at the end
    if (key_ && draft_.passphrase_file.empty()) return {};
    if (!key_) {
      const auto opened = interview_.settle(
          draft_.passphrase_file, {.flag = "--passphrase-file FILE",
                                   .text = tr("The key is encrypted. The file that holds its passphrase"),
                                   .judge = fits("merchant.passphrase_file")});
      if (!opened || draft_.passphrase_file.empty() || !fs::exists(draft_.passphrase_file, ignored))
        return opened;
    }
    auto key = wechatpay::load_merchant_key(merchant());
    if (!key) return key.error();
    key_ = std::move(*key);
    return {};
  }

  // From the certificate that is named, else the one beside the key; it must be the key's.
  Result<std::optional<wechatpay::Certificate>> find_certificate() {
    if (options_.certificate.empty()) {
      if (draft_.private_key_file.empty()) return std::optional<wechatpay::Certificate>{};
      auto found = wechatpay::find_merchant_certificate(merchant());
      if (!found) return found.error();
      if (!*found) return std::optional<wechatpay::Certificate>{};
      if (key_ && EVP_PKEY_eq((**found).certificate.key.get(), key_.get()) != 1)
        return std::optional<wechatpay::Certificate>{};  // another merchant's
      serial_from_ = (**found).file.string();
      return std::move((**found).certificate);
    }
    const auto pem = read_file(options_.certificate, k_largest_key_file, Errc::no_input);
    if (!pem) return with_context(pem.error(), "--certificate");
    auto certificate = wechatpay::read_certificate(*pem);
    if (!certificate) return with_context(certificate.error(), "--certificate: " + options_.certificate);
    if (key_ && EVP_PKEY_eq(certificate->key.get(), key_.get()) != 1)
      return Error{Errc::bad_credentials,
                   tr("--certificate: {} does not belong to the private key {}; WeChat Pay accepts only the "
                      "pair that was made together",
                      options_.certificate, draft_.private_key_file)};
    serial_from_ = options_.certificate;
    return std::move(*certificate);
  }

  Result<void> ask_serial() {
    if (draft_.serial_no.empty() || !options_.certificate.empty()) {
      auto certificate = find_certificate();
      if (!certificate) return certificate.error();
      if (*certificate) {
        draft_.serial_no = (**certificate).serial;
        subject_ = (**certificate).subject;
      }
    }
    return interview_.settle(
        draft_.serial_no,
        {.flag = tr("--certificate FILE (or --serial-no HEX)"),
         .text = tr("No certificate is beside the key. Its serial number (商户API证书序列号)"),
         .judge = fits("merchant.serial_no")});
  }

  // ---- who, which cards, why ----

  Result<void> ask_merchant() {
    auto api =
        !options_.api.empty() || !interview_.asks() || !draft_.mchid.empty() ? options_.api : std::string{};
    if (interview_.asks() && api.empty() && draft_.mchid.empty()) {
      const auto judge = [](const std::string& answer) -> Result<void> {
        if (answer == "partner" || answer == "brand") return {};
        return Error{Errc::usage, tr("expected partner or brand")};
      };
      const auto settled = interview_.settle(
          api,
          {.flag = "--api API",
           .text = tr("Who signs: a service provider for the brand (partner), or the brand itself (brand)"),
           .proposal = "partner",
           .judge = judge});
      if (!settled) return settled;
    }
    draft_.api = api == "brand" ? model::Api::brand : model::Api::partner;
    if (draft_.api == model::Api::brand) {
      if (draft_.mchid.empty()) return {};
      return Error{Errc::usage, tr("--mchid belongs to --api partner; with brand, the brand signs")};
    }
    const bool is_number = !subject_.empty() && has_only_digits(subject_);
    if (is_number && draft_.mchid.empty() && !interview_.asks()) draft_.mchid = subject_;
    const auto judge = [this, is_number](const std::string& number) -> Result<void> {
      if (const auto fit = fits("merchant.mchid")(number); !fit) return fit;
      if (!is_number || number == subject_) return {};
      return Error{Errc::usage,
                   tr("the certificate {} was issued for the merchant number {}, and WeChat Pay accepts "
                      "its key for no other; expected {}, or another key and certificate",
                      serial_from_, subject_, subject_)};
    };
    return interview_.settle(draft_.mchid,
                             {.flag = "--mchid NUMBER",
                              .text = tr("The service provider's merchant number (服务商商户号)"),
                              .proposal = is_number ? subject_ : "",
                              .judge = judge});
  }

  Result<void> ask_cards() {
    if (draft_.api == model::Api::brand || !draft_.columns.contains("brand_id")) {
      const auto settled = interview_.settle(draft_.brand_id, {.flag = "--brand-id ID",
                                                               .text = tr("The brand's id (品牌ID)"),
                                                               .judge = fits("defaults.brand_id")});
      if (!settled) return settled;
    }
    if (draft_.list.empty() || draft_.columns.contains("card_id")) return {};
    return interview_.settle(draft_.card_id, {.flag = "--card-id ID",
                                              .text = tr("The id of the card template (会员卡模板ID)"),
                                              .judge = fits("defaults.card_id")});
  }

  Result<void> ask_platform() {
    if (!draft_.certificates_dir.empty()) {
      if (draft_.public_key_file.empty() && draft_.public_key_id.empty()) return {};
      return Error{Errc::usage, tr("--certificates-dir stands instead of --public-key and --public-key-id")};
    }
    const auto file = interview_.settle(
        draft_.public_key_file,
        {.flag = "--public-key FILE",
         .text = tr("The WeChat Pay public key (微信支付公钥)"),
         .proposal = find_file({"wxp_pub.pem", "keys/wxp_pub.pem", "pub_key.pem", "keys/pub_key.pem"}),
         .judge = judge_public_key});
    if (!file) return file;
    return interview_.settle(draft_.public_key_id, {.flag = "--public-key-id ID",
                                                    .text = tr("Its id (微信支付公钥ID, PUB_KEY_ID_…)"),
                                                    .judge = fits("platform.public_key_id")});
  }

  Result<void> ask_words() {
    if (!draft_.columns.contains("reason")) {
      const auto settled = interview_.settle(
          draft_.reason, {.flag = "--reason TEXT",
                          .text = tr("Why, in at most 32 characters; members read it (may be empty)"),
                          .may_stay_open = true,
                          .judge = fits("defaults.reason")});
      if (!settled) return settled;
    }
    return interview_.settle(draft_.acknowledge,
                             {.flag = "--acknowledge TEXT",
                              .text = tr("WeChat Pay demands that members are told beforehand and agree "
                                         "(事先告知并取得同意). Who took care "
                                         "of that, and when (empty: later; nothing is sent before)"),
                              .may_stay_open = true,
                              .judge = fits("safety.acknowledge")});
  }

  Options& options_;
  JobDraft& draft_;
  Interview& interview_;
  std::vector<std::string> names_;
  std::vector<input::Table> tables_;
  wechatpay::PrivateKey key_;          // null: not there yet
  std::string serial_from_, subject_;  // of the certificate
};

// ---- the file ----

// As it stands in the job file: relative to that file's folder, unless it was typed as an absolute path.
std::string as_in_job(const std::string& typed, const fs::path& job_file) {
  if (typed.empty() || fs::path{typed}.is_absolute()) return typed;
  const auto folder = fs::absolute(job_file).parent_path();
  if (folder == fs::current_path()) return typed;
  return fs::proximate(fs::absolute(typed), folder).string();
}

// The file's name, as far as a job may be called so.
std::string name_for(const fs::path& job_file) {
  std::string name;
  for (const char c : job_file.stem().string())
    if (is_digit(c) || is_letter(c) || (!name.empty() && (c == '-' || c == '_' || c == '.'))) name += c;
  constexpr std::size_t k_longest_name = 64;
  return name.empty() ? "cards" : name.substr(0, k_longest_name);
}

Error exists_already(const fs::path& job_file) {
  return {Errc::cannot_create, tr("{} is there already, and init overwrites nothing: name another file, or "
                                  "move this one away",
                                  job_file.string())};
}

Result<void> write_new(const fs::path& job_file, const std::string& text) {
  const FileDescriptor file{
      ::open(job_file.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644)};
  if (!file && errno == EEXIST) return exists_already(job_file);
  if (!file)
    return Error{Errc::cannot_create, tr("{}: cannot create it: {}", job_file.string(), system_words(errno))};
  const auto written = ::write(file.get(), text.data(), text.size());
  if (written == static_cast<ssize_t>(text.size()) && ::fsync(file.get()) == 0) return {};
  const auto why = written < 0 ? system_words(errno) : system_words(ENOSPC);
  ::unlink(job_file.c_str());
  return Error{Errc::io, tr("{}: cannot write it: {}", job_file.string(), why)};
}

// The text as the other commands will read it. An empty acknowledge is for a person to fill in.
Result<model::Job> read_back(const JobDraft& draft, const fs::path& job_file) {
  auto told = draft;
  if (told.acknowledge.empty()) told.acknowledge = "not yet";
  auto job = job::parse(job_text(told), job_file, {});
  if (!job) return Error{Errc::usage, job.error().what};
  if (const auto list = input::open(job->input, job->defaults, job->merchant.api, job->merchant.brand_id);
      !list)
    return list.error();
  return job;
}

std::vector<std::string> missing_files(const model::Job& job) {
  std::vector<std::string> missing;
  std::error_code ignored;
  for (const auto& file :
       {job.merchant.private_key_file, job.merchant.passphrase_file, job.platform.public_key_file,
        job.platform.certificates_dir, job.safety.acknowledge_file})
    if (!file.empty() && !fs::exists(file, ignored)) missing.push_back(file.string());
  return missing;
}

std::string words_for_columns(const JobDraft& draft) {
  std::string text;
  for (const auto& [ours, theirs] : draft.columns)
    text += (text.empty() ? "" : ", ") +
            (ours == theirs ? ours : fmt::format("{} = {}", ours, escape_for_terminal(theirs)));
  return text;
}

struct Written {
  const fs::path& job_file;
  const JobDraft& draft;
  const model::Job& job;
  const std::string& serial_from;
  std::string unused_columns;
};

std::string answer_text(const Globals& globals, const Written& done) {
  auto text = tr("{} is written\n", done.job_file.string());
  text += tr("  columns: {}\n", words_for_columns(done.draft));
  if (!done.unused_columns.empty())
    text += tr("  not used: {}; --column OURS=THEIRS names a column\n", done.unused_columns);
  text += done.serial_from.empty()
              ? tr("  serial number: {}\n", done.job.merchant.serial_no)
              : tr("  serial number: {}, read from {}\n", done.job.merchant.serial_no, done.serial_from);
  if (done.draft.api == model::Api::partner) text += tr("  merchant number: {}\n", done.draft.mchid);
  for (const auto& file : missing_files(done.job)) text += tr("not there yet: {}\n", file);
  if (done.draft.acknowledge.empty())
    text +=
        tr("safety.acknowledge is empty: WeChat Pay demands that members are told beforehand and agree "
           "(事先告知并取得同意). Write there who took care of that, and when; until then only rehearse "
           "works\n");
  text += tr("next:\n");
  const auto say = [&](std::string_view command, std::string_view flags, std::string_view what) {
    text += fmt::format("  {}\n      {}\n", command_line(globals, done.job_file, command, flags), what);
  };
  say("rehearse", "", tr("your list against a simulated platform, on this machine only"));
  say("check", "", tr("keys, list, disk, clocks and both domains; invalidates nothing"));
  say("plan", "--page approve.html", tr("what would be sent, as a page to approve; sends nothing"));
  return text;
}

std::string answer_json(const Globals& globals, const Written& done) {
  boost::json::object columns;
  for (const auto& [ours, theirs] : done.draft.columns) columns[ours] = theirs;
  boost::json::array missing, next;
  for (const auto& file : missing_files(done.job)) missing.emplace_back(file);
  for (const auto& [command, flags] :
       {std::pair{"rehearse", ""}, std::pair{"check", ""}, std::pair{"plan", "--page approve.html"}})
    next.emplace_back(command_line(globals, done.job_file, command, flags));
  using boost::json::value;
  return to_json_line({{"job_file", done.job_file.string()},
                       {"name", done.job.name},
                       {"columns", std::move(columns)},
                       {"serial_no", done.job.merchant.serial_no},
                       {"serial_from", done.serial_from.empty() ? value() : value(done.serial_from)},
                       {"is_acknowledged", !done.draft.acknowledge.empty()},
                       {"missing_files", std::move(missing)},
                       {"next", std::move(next)}});
}

int init(Console& console, const Options& given) {
  auto options = given;
  auto& draft = options.draft;
  std::error_code ignored;
  const auto is_there = [&] { return fs::exists(fs::symlink_status(options.job_file, ignored)); };
  if (!options.job_file.empty() && is_there()) return console.fail(exists_already(options.job_file));
  Interview interview{::isatty(STDIN_FILENO) != 0};
  Drafting drafting{options, interview};
  if (const auto asked = drafting.ask(); !asked) return console.fail(asked.error());
  if (options.job_file.empty()) options.job_file = fs::path{draft.list}.filename().replace_extension(".toml");
  if (is_there()) return console.fail(exists_already(options.job_file));
  draft.name = name_for(options.job_file);
  draft.timezone = zone_of_machine();
  for (auto* path : {&draft.list, &draft.private_key_file, &draft.passphrase_file, &draft.public_key_file,
                     &draft.certificates_dir, &draft.acknowledge_file})
    *path = as_in_job(*path, options.job_file);
  const auto job = read_back(draft, options.job_file);
  if (!job) return console.fail(job.error());
  if (const auto written = write_new(options.job_file, job_text(draft)); !written)
    return console.fail(written.error());
  const Written done{options.job_file, draft, *job, drafting.serial_from(), drafting.unused_columns()};
  const auto& globals = console.globals();
  if (globals.quiet && !globals.json) return 0;
  return (globals.json ? console.answer(answer_json(globals, done))
                       : console.answer_words(answer_text(globals, done)))
             ? 0
             : static_cast<int>(Errc::io);
}

}  // namespace

Command init_command() {
  return {
      .name = "init",
      .group = translatable("Before a run"),
      .purpose = translatable("Writes a commented job file, from flags or by asking; sends nothing"),
      .about = translatable(
          "On a terminal it asks what the flags have not said, about eight questions. It reads the columns "
          "from "
          "the list, Chinese names too (会员卡号, 卡号, OpenID, 会员卡模板ID, 作废原因), and the serial "
          "number "
          "from the certificate. Paths that are typed are relative to the working folder."),
      .examples =
          {{"cardvoid init gold.toml"},
           {"cardvoid init gold.toml --list members.csv --private-key keys/apiclient_key.pem --public-key "
            "keys/wxp_pub.pem --public-key-id PUB_KEY_ID_0119 --brand-id 1004 --card-id pbLatj"}},
      .exits = {{0, translatable("the job file is written")},
                {64, translatable("an answer is missing, and there is no terminal to ask on")},
                {65, translatable("the list cannot be read as what it claims to be")},
                {66, translatable("the list or the certificate cannot be opened")},
                {73, translatable("the job file is there already, or cannot be created")},
                {74, translatable("the job file cannot be written")},
                {77, translatable("a key is unusable, or the certificate does not belong to it")}},
      .call = call_of(words, init)};
}

}  // namespace cardvoid::cli
