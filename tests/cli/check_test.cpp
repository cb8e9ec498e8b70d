// `check` says beforehand what would stop a run, each thing on a line, and changes nothing.

#include <doctest/doctest.h>
#include <openssl/pem.h>
#include <sys/stat.h>

#include <algorithm>
#include <boost/json.hpp>
#include <cardvoid/base/owned.hpp>
#include <chrono>
#include <csignal>
#include <map>
#include <mutex>
#include <ostream>

#include "credentials.hpp"
#include "support/stage.hpp"

TEST_SUITE("cli") {
  using namespace cardvoid;
  using namespace cardvoid::support;
  using namespace std::chrono_literals;

  namespace {

  struct Checked {
    int exit_code = 0;
    struct Line {
      std::string level, text;
      std::int64_t exit_code = 0;
    };
    std::map<std::string, Line> lines;  // by what was checked; the first line of each
    const Line& of(const std::string& subject) const {
      const auto found = lines.find(subject);
      REQUIRE_MESSAGE(found != lines.end(), "there is no line about ", subject);
      return found->second;
    }
  };

  Checked check(const std::string& job, std::vector<std::string> flags = {}) {
    std::vector<std::string> words{"check", job, "--json"};
    words.insert(words.end(), flags.begin(), flags.end());
    const auto ended = support::run(words);
    CAPTURE(ended.err);
    Checked checked;
    checked.exit_code = ended.exit_code;
    const auto answer = boost::json::parse(ended.out);
    CHECK(answer.at("exit_code").as_int64() == ended.exit_code);
    for (const auto& each : answer.at("checks").as_array()) {
      const auto word = [&](const char* key) { return std::string{each.at(key).as_string()}; };
      const Checked::Line line{word("level"), word("text"), each.at("exit_code").as_int64()};
      CHECK(each.at("ok").as_bool() == (line.level != "fault"));
      CHECK((line.exit_code != 0) == (line.level == "fault"));
      checked.lines.emplace(word("check"), line);
    }
    return checked;
  }

  bool says(const Checked::Line& line, std::string_view level, std::string_view words) {
    INFO(line.level, " ", line.text);
    CHECK(line.level == level);
    CHECK(line.text.find(words) != std::string::npos);
    return line.level == level && line.text.find(words) != std::string::npos;
  }

  using Bio = Owned<BIO, BIO_free>;

  std::string text_of(BIO* bio) {
    char* data = nullptr;
    const auto size = BIO_get_mem_data(bio, &data);
    return {data, static_cast<std::size_t>(size)};
  }

  // The sandbox's merchant key, locked.
  void write_encrypted_key(const Stage& stage, std::string_view passphrase) {
    const auto key = sandbox::read_any_key(stage.read("apiclient_key.pem"));
    const Bio bio{BIO_new(BIO_s_mem())};
    REQUIRE(PEM_write_bio_PKCS8PrivateKey(bio.get(), key.value().get(), EVP_aes_256_cbc(), passphrase.data(),
                                          static_cast<int>(passphrase.size()), nullptr, nullptr) == 1);
    stage.write("locked_key.pem", text_of(bio.get()));
  }

  // A certificate with another end. Its own signature is wrong then, which no one checks.
  std::string ending_in(const std::string& pem, std::chrono::hours from_now) {
    const Bio in{BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size()))};
    const Owned<X509, X509_free> certificate{PEM_read_bio_X509(in.get(), nullptr, nullptr, nullptr)};
    REQUIRE(certificate);
    const Owned<ASN1_TIME, ASN1_TIME_free> end{
        X509_gmtime_adj(nullptr, std::chrono::seconds{from_now}.count())};
    REQUIRE(X509_set1_notAfter(certificate.get(), end.get()) == 1);
    REQUIRE(i2d_re_X509_tbs(certificate.get(), nullptr) > 0);  // else it is written as it was read
    const Bio out{BIO_new(BIO_s_mem())};
    REQUIRE(PEM_write_bio_X509(out.get(), certificate.get()) == 1);
    return text_of(out.get());
  }

  }  // namespace

  TEST_CASE("check: a good job is proven by one signed read-back and nothing is changed") {
    auto settings = sandbox::plain_settings();
    std::mutex mutex;  // the sandbox has threads of its own
    std::vector<std::string> read_back;
    settings.on_request = [&](const sandbox::VerifiedRequest& seen) {
      const std::lock_guard lock{mutex};
      if (seen.kind == model::AttemptKind::read_back) read_back.push_back(seen.code);
    };
    const auto stage = stage_of(12, settings);
    const auto fresh = check(stage.job());
    CHECK(fresh.exit_code == 0);
    says(fresh.of("certificate"), "ok", "has serial_no");
    says(fresh.of("permissions"), "ok", "0600");
    says(fresh.of("input"), "ok", "12 rows");
    says(fresh.of("disk space"), "ok", "12 rows to send");
    says(fresh.of("primary"), "ok", "TLSv1.");
    says(fresh.of("backup clock"), "ok", "agrees");
    says(fresh.of("read-back"), "ok", "code **** is EFFECTIVE");
    CHECK_FALSE(std::filesystem::exists(stage.database()));
    {
      const std::lock_guard lock{mutex};
      CHECK(read_back == std::vector<std::string>{"card0000"});
    }

    REQUIRE(stage.run("run", {"--yes", "--limit", "5"}).exit_code == 75);
    const auto before = stage.read("sandbox.db");
    const auto asked = stage.sandbox->counters();
    const auto planned = check(stage.job());
    CHECK(planned.exit_code == 0);
    says(planned.of("results"), "ok", "12 rows, 7 to send");
    says(planned.of("read-back"), "ok", "code **** is EFFECTIVE");
    CHECK(stage.read("sandbox.db") == before);
    CHECK(stage.sandbox->counters().read_back_requests == asked.read_back_requests + 1);
    CHECK(stage.sandbox->counters().invalidate_requests == asked.invalidate_requests);
    const std::lock_guard lock{mutex};
    CHECK(read_back.back() == "card0005");  // the first that is still to be sent
  }

  TEST_CASE("check: every line begins with its verdict and stands in columns") {
    const auto stage = stage_of(2);
    const auto ended = stage.run("check");
    CHECK(ended.err.empty());
    std::size_t column = 0;
    for (std::size_t at = 0; at < ended.out.size();) {
      const auto line = ended.out.substr(at, ended.out.find('\n', at) - at);
      at += line.size() + 1;
      CAPTURE(line);
      CHECK((line.starts_with("ok    ") || line.starts_with("WARN  ") || line.starts_with("FAIL  ") ||
             line.starts_with("skip  ")));
      const auto text_at = line.find_first_not_of(' ', line.find("  ", 6));
      if (column == 0) column = text_at;
      CHECK(text_at == column);
    }
  }

  TEST_CASE("check: with -q only what is wrong is said") {
    const auto stage = stage_of(2);
    const std::vector<std::string> quiet{"-q", "--set", "limits.requests_per_second=5"};
    const auto silent = stage.run("check", quiet);
    CHECK(silent.exit_code == 0);
    CHECK(silent.out.empty());
    stage.sandbox->set_outage(model::Endpoint::backup, sandbox::Outage::refuse);
    const auto ended = stage.run("check", quiet);
    CHECK(ended.exit_code == 69);
    CHECK(ended.out.starts_with("FAIL  backup "));
    CHECK(std::count(ended.out.begin(), ended.out.end(), '\n') == 1);
  }

  TEST_CASE("check: a wrong serial number is told from the certificate and by the platform") {
    const auto stage = stage_of(3);
    const auto checked = check(stage.job(), {"--set", "merchant.serial_no=5F1C72E2"});
    CHECK(checked.exit_code == 77);
    says(checked.of("certificate"), "fault", "5F1C72E2");
    says(checked.of("certificate"), "fault", "set serial_no = ");
    says(checked.of("read-back"), "fault", "SIGN_ERROR");
    // Leading zeros and small letters are no difference.
    auto serial = stage.read("sandbox.toml");
    serial = serial.substr(serial.find("serial_no = \"") + 13, 40);
    says(check(stage.job(), {"--set", "merchant.serial_no=00" + serial}).of("certificate"), "ok", "");
  }

  TEST_CASE("check: a private key of another merchant is told from the certificate and by the platform") {
    const auto stage = stage_of(3);
    stage.write("other_key.pem", sandbox::spare_key("another merchant"));
    const auto beside = check(stage.job_with("apiclient_key.pem", "other_key.pem"));
    CHECK(beside.exit_code == 77);
    says(beside.of("certificate"), "fault", "does not belong to the private key");

    // Without a certificate only the platform can tell.
    std::filesystem::create_directory(stage.dir / "keys");
    stage.write("keys/apiclient_key.pem", sandbox::spare_key("another merchant"));
    const auto alone = check(stage.job_with("\"apiclient_key.pem\"", "\"keys/apiclient_key.pem\""));
    CHECK(alone.exit_code == 77);
    says(alone.of("certificate"), "skipped", "not beside the private key");
    says(alone.of("read-back"), "fault", "our credentials are refused: HTTP 401 SIGN_ERROR");
    CHECK(stage.sandbox->applied().empty());
  }

  TEST_CASE("check: an encrypted key opens with its passphrase and with no other") {
    const auto stage = stage_of(2);
    write_encrypted_key(stage, "open sesame");
    stage.write("right.txt", "open sesame\n");
    stage.write("wrong.txt", "open barley\n");
    const auto job = stage.job_with("\"apiclient_key.pem\"", "\"locked_key.pem\"");
    const auto with = [&](const char* file) {
      return check(job, {"--set", "merchant.passphrase_file=" + (stage.dir / file).string()});
    };
    const auto right = with("right.txt");
    CHECK(right.exit_code == 0);
    says(right.of("merchant key"), "ok", "opened with passphrase_file");
    says(right.of("read-back"), "ok", "signature is accepted");
    const auto wrong = with("wrong.txt");
    CHECK(wrong.exit_code == 77);
    says(wrong.of("merchant key"), "fault", "the passphrase does not open the private key");
    says(wrong.of("read-back"), "skipped", "a key cannot be used");
    const auto without = check(job);
    CHECK(without.exit_code == 77);
    says(without.of("merchant key"), "fault", "passphrase_file must name its passphrase");
    const auto gone = with("gone.txt");
    CHECK(gone.exit_code == 66);
    says(gone.of("merchant key"), "fault", "gone.txt");
    for (const auto* each : {&right, &wrong, &without, &gone})
      for (const auto& [subject, line] : each->lines) {
        CHECK(line.text.find("sesame") == std::string::npos);
        CHECK(line.text.find("barley") == std::string::npos);
      }
  }

  TEST_CASE("check: a key file that others can read is a warning and one that they can write is refused") {
    const auto stage = stage_of(2);
    const auto passphrase = stage.dir / "passphrase.txt";
    stage.write("passphrase.txt", "not needed");
    const std::vector<std::string> flags{"--set", "merchant.passphrase_file=" + passphrase.string()};
    struct Mode {
      const char* file;
      mode_t mode;
      const char *level, *words;
    };
    for (const auto& each : {Mode{"apiclient_key.pem", 0640, "warning", "apiclient_key.pem has mode 0640"},
                             Mode{"apiclient_key.pem", 0644, "warning", "chmod 600"},
                             Mode{"apiclient_key.pem", 0620, "fault", "apiclient_key.pem has mode 0620"},
                             Mode{"passphrase.txt", 0604, "warning", "passphrase.txt has mode 0604"},
                             Mode{"passphrase.txt", 0602, "fault", "passphrase.txt has mode 0602"}}) {
      CAPTURE(each.words);
      REQUIRE(::chmod((stage.dir / each.file).c_str(), each.mode) == 0);
      const bool is_fault = each.level == std::string{"fault"};
      const auto checked = check(stage.job(), flags);
      CHECK(checked.exit_code == (is_fault ? 77 : 0));
      says(checked.of("permissions"), each.level, each.words);
      auto words = flags;
      words.emplace_back("--yes");
      const auto run = stage.run("run", words);
      CHECK(run.exit_code == (is_fault ? 77 : 0));
      CHECK(run.err.find(each.words) != std::string::npos);
      REQUIRE(::chmod((stage.dir / each.file).c_str(), 0600) == 0);
    }
  }

  TEST_CASE("check: certificates that have ended or end within a month are told") {
    const auto stage = stage_of(2);
    const auto merchant = stage.read("apiclient_cert.pem");
    stage.write("apiclient_cert.pem", ending_in(merchant, 20 * 24h + 1h));
    const auto soon = check(stage.job());
    CHECK(soon.exit_code == 0);
    says(soon.of("certificate"), "warning", "in 20 days");
    stage.write("apiclient_cert.pem", ending_in(merchant, -24h));
    const auto ended = check(stage.job());
    CHECK(ended.exit_code == 77);
    says(ended.of("certificate"), "fault", "has expired on");

    std::filesystem::create_directory(stage.dir / "platform");
    const auto key = sandbox::read_any_key(sandbox::spare_key("platform")).value().release();
    const Owned<EVP_PKEY, EVP_PKEY_free> owned{key};
    const auto pem = sandbox::make_certificate({"Tenpay.com", {}, false}, key, {}, key);
    stage.write("apiclient_cert.pem", merchant);
    stage.write("platform/wechatpay.pem", ending_in(*pem, -1h));
    auto job = stage.read("sandbox.toml");
    const auto at = job.find("public_key_id");
    job.replace(at, job.find("\n\n", at) - at, "certificates_dir = \"platform\"");
    stage.write("certificates.toml", job);
    const auto old = check((stage.dir / "certificates.toml").string());
    CHECK(old.exit_code == 77);
    says(old.of("platform cert"), "fault", "has expired on");
  }

  TEST_CASE("check: a certificate of another merchant number is a warning and another key's is passed over") {
    const auto stage = stage_of(2);
    const auto other = check(stage.job(), {"--set", "merchant.mchid=1900000002"});
    says(other.of("certificate"), "warning", "issued for the merchant number 1900000001");
    // 1900009191_20180326_key.pem and its certificate beside the pair of another merchant.
    stage.write("1900009191_20180326_key.pem", sandbox::spare_key("another merchant"));
    const auto job = stage.job_with("\"apiclient_key.pem\"", "\"1900009191_20180326_key.pem\"");
    says(check(job, {"--set", "merchant.serial_no=1D"}).of("certificate"), "skipped",
         "belongs to another key");
    const auto key = sandbox::read_any_key(sandbox::spare_key("another merchant"));
    const auto pem =
        sandbox::make_certificate({"1900000001", {}, false, "1D"}, key.value().get(), {}, key.value().get());
    stage.write("1900009191_20180326_cert.pem", *pem);
    says(check(job, {"--set", "merchant.serial_no=1D"}).of("certificate"), "ok",
         "1900009191_20180326_cert.pem");
    stage.write("1900009191_20180326_cert.pem", "no certificate");
    says(check(job, {"--set", "merchant.serial_no=1D"}).of("certificate"), "warning", "not PEM");
  }

  TEST_CASE("check: more rows than max_rows allows are told before run refuses") {
    const auto stage = stage_of(6);
    const std::vector<std::string> four{"--set", "safety.max_rows=4"};
    CHECK(check(stage.job(), {"--set", "safety.max_rows=6"}).exit_code == 0);
    const auto fresh = check(stage.job(), four);
    CHECK(fresh.exit_code == 0);
    says(fresh.of("max_rows"), "warning", "6 rows to send");
    REQUIRE(stage.run("plan").exit_code == 0);
    const auto planned = check(stage.job(), four);
    CHECK(planned.exit_code == 65);
    says(planned.of("max_rows"), "fault", "safety.max_rows allows 4");
  }

  TEST_CASE("check: a platform key that does not verify the answers is a fault") {
    const auto stage = stage_of(3);
    const auto other = sandbox::read_any_key(sandbox::spare_key("another platform"));
    stage.write("other_pub.pem", sandbox::public_pem(other.value().get()));
    const auto wrong = check(stage.job_with("wxp_pub.pem", "other_pub.pem"));
    CHECK(wrong.exit_code == 77);
    says(wrong.of("read-back"), "fault", "does not verify");
    says(wrong.of("read-back"), "fault", "platform.public_key_id");

    const auto own = sandbox::read_any_key(stage.read("apiclient_key.pem"));
    stage.write("own_pub.pem", sandbox::public_pem(own.value().get()));
    const auto ours = check(stage.job_with("wxp_pub.pem", "own_pub.pem"));
    CHECK(ours.exit_code == 77);
    says(ours.of("platform key"), "fault", "the merchant's own key");

    const auto id = check(stage.job(), {"--set", "platform.public_key_id=PUB_KEY_ID_0000"});
    CHECK(id.exit_code == 77);
    says(id.of("read-back"), "fault", "Wechatpay-Serial");
  }

  TEST_CASE("check: a clock that is off by more than a minute is a fault on each endpoint") {
    auto settings = sandbox::plain_settings();
    settings.clock_offset = 2min;
    const auto stage = stage_of(2, settings);
    const auto checked = check(stage.job());
    CHECK(checked.exit_code == 77);
    says(checked.of("primary clock"), "fault", "ahead of ours");
    says(checked.of("backup clock"), "fault", "signatures die at 5m");
    says(checked.of("read-back"), "ok", "signature is accepted");
    settings.clock_offset = -30s;
    CHECK(check(stage_of(2, settings).job()).exit_code == 0);
    settings.clock_offset = -10min;
    says(check(stage_of(2, settings).job()).of("read-back"), "fault", "refused for its time");
  }

  TEST_CASE("check: an endpoint that is down is named and the other one is asked for the read-back") {
    const auto stage = stage_of(2);
    stage.sandbox->set_outage(model::Endpoint::primary, sandbox::Outage::refuse);
    const auto half = check(stage.job());
    CHECK(half.exit_code == 69);
    says(half.of("primary"), "fault", "127.0.0.1");
    says(half.of("primary clock"), "skipped", "no answer");
    says(half.of("read-back"), "ok", "backup: our signature");
    stage.sandbox->set_outage(model::Endpoint::backup, sandbox::Outage::refuse);
    const auto none = check(stage.job());
    CHECK(none.exit_code == 69);
    says(none.of("read-back"), "skipped", "no endpoint answers");
  }

  TEST_CASE("check: a name that does not resolve is a line of its own") {
    const auto stage = stage_of(2);
    const auto checked = check(stage.job(), {"--set", "endpoints.backup=https://nonexistent.invalid", "--set",
                                             "limits.connect_timeout=2s"});
    CHECK(checked.exit_code == 69);
    says(checked.of("backup name"), "fault", "nonexistent.invalid does not resolve");
    says(checked.of("backup"), "skipped", "not tried");
    says(checked.of("read-back"), "ok", "primary");
    const auto named =
        check(stage.job_with("primary = \"https://127.0.0.1", "primary = \"https://localhost"));
    CHECK(named.exit_code == 0);
    says(named.of("primary name"), "ok", "localhost has ");
  }

  TEST_CASE("check: cards that the platform does not know are a warning since they prove half") {
    const Stage stage{sandbox::plain_settings(),
                      {{"members.csv", plain_members(5)},
                       {"cards.csv",
                        "brand_id,card_id,code,openid,state,invalid_time\n"
                        "1004,pbLatjvWOibDc5-TBnbUk1pD12o0,another,oOtheruMuAJO_M2pxb1Q9zN,EFFECTIVE,\n"}}};
    const auto checked = check(stage.job());
    CHECK(checked.exit_code == 0);
    says(checked.of("read-back"), "warning", "RESOURCE_NOT_EXISTS");
    CHECK(stage.sandbox->counters().read_back_requests == 3);
  }

  TEST_CASE("check: a card still to be sent that is INVALID already is a warning") {
    const Stage stage{sandbox::plain_settings(),
                      {{"members.csv", plain_members(1)},
                       {"cards.csv",
                        "brand_id,card_id,code,openid,state,invalid_time\n"
                        "1004,pbLatjvWOibDc5-TBnbUk1pD12o0,card0000,oPlain0000uMuAJO_M2pxb1Q9zN,INVALID,"
                        "2026-01-02T03:04:05+08:00\n"}},
                      Stage::as_given};
    says(check(stage.job()).of("read-back"), "warning", "is this the right list");
    REQUIRE(stage.run("run", {"--yes"}).exit_code == 0);
    says(check(stage.job()).of("read-back"), "ok", "is INVALID");
  }

  TEST_CASE("check: a platform over its limit or in trouble proves nothing") {
    const auto stage = stage_of(2);
    stage.sandbox->set_rate(0.001);
    CHECK(check(stage.job()).exit_code == 0);
    const auto throttled = check(stage.job());
    CHECK(throttled.exit_code == 69);
    says(throttled.of("read-back"), "fault", "429");
    auto settings = sandbox::plain_settings();
    settings.fault_read_backs = true;
    settings.faults = {{sandbox::Fault::gateway, 1.0}};
    const auto gateway = check(stage_of(2, settings).job());
    CHECK(gateway.exit_code == 69);
    says(gateway.of("read-back"), "fault", "HTTP 502");
  }

  TEST_CASE("check: an answer about another card is for a person and not for later") {
    auto settings = sandbox::plain_settings();
    settings.fault_read_backs = true;
    settings.faults = {{sandbox::Fault::wrong_card, 1.0}};
    const auto checked = check(stage_of(2, settings).job());
    CHECK(checked.exit_code == 76);
    says(checked.of("read-back"), "fault", "not about the card and member asked for");
  }

  TEST_CASE("check: while a run is under way no read-back takes from its pace") {
    auto settings = sandbox::plain_settings();
    settings.latency_min = settings.latency_max = 300ms;
    const auto stage = stage_of(1000, settings);
    const auto program = stage.start("run", {"--yes", "--set", "limits.requests_per_second=20"});
    stage.wait_until("status = 'invalidated'", 1);
    const auto checked = check(stage.job());
    CHECK(checked.exit_code == 0);
    says(checked.of("read-back"), "skipped", "is under way and has the platform's limit");
    CHECK(stage.sandbox->counters().read_back_requests == 0);
    program->send_signal(SIGTERM);
    CHECK(program->wait().exit_code == 75);
  }

  TEST_CASE("check: refused lines and a broken input are told and nothing waits for standard input") {
    const auto stage = stage_of(2);
    stage.write("members.csv", plain_members(2) + "short\r\n");
    const auto refused = check(stage.job());
    CHECK(refused.exit_code == 0);
    says(refused.of("input"), "warning", "1 line refused (line 4: ");
    stage.write("members.csv", "code,card_id,openid,reason\r\n4.78516E+23,t,oPlain,\r\n");
    const auto damaged = check(stage.job());
    CHECK(damaged.exit_code == 65);
    says(damaged.of("input"), "fault", "");
    stage.write("members.csv", "number\r\n1\r\n");
    CHECK(check(stage.job()).exit_code == 65);
    const auto stream = check(stage.job(), {"--set", "input.csv=-"});
    CHECK(stream.exit_code == 0);
    says(stream.of("input"), "skipped", "standard input");
    says(stream.of("read-back"), "skipped", "neither results nor input has a row");
  }

  TEST_CASE("check: a wrong job file is the one check that --json tells") {
    const auto stage = stage_of(2);
    const auto job = stage.job_with("acknowledge = ", "aknowledge = ");
    const auto ended = support::run({"check", job, "--json"});
    CHECK(ended.exit_code == 78);
    const auto answer = boost::json::parse(ended.out).as_object();
    CHECK(answer.at("exit_code") == 78);
    const auto& found = answer.at("checks").as_array();
    REQUIRE(found.size() == 1);
    CHECK(found[0].at("check") == "job");
    CHECK(found[0].at("ok") == false);
    CHECK(found[0].at("text").as_string().find("did you mean \"acknowledge\"") != std::string::npos);
    CHECK(ended.err.find("aknowledge") != std::string::npos);
    CHECK(support::run({"check", job}).out.empty());
  }

  TEST_CASE("check: no openid and no card code in full is shown") {
    const auto stage = stage_of(8);
    stage.write("members.csv", plain_members(8) + "card0001,pbLatjvWOibDc5-TBnbUk1pD12o0,,\r\n");
    for (const auto& ended : {stage.run("check"), stage.run("check", {"--json"})}) {
      CHECK(ended.out.find("oPlain") == std::string::npos);
      CHECK(ended.out.find("card000") == std::string::npos);
    }
  }

  TEST_CASE("check: a placeholder in the place of the consent is a warning") {
    const auto stage = stage_of(1);
    for (const std::string text : {"TODO", "xxx", "test", "just a Test.", "OPS-1234: members told and agreed",
                                   "测试用", "Who took care of that, and when?", "ok"}) {
      CAPTURE(text);
      const auto checked = check(stage.job(), {"--set", "safety.acknowledge=" + text});
      CHECK(checked.exit_code == 0);
      CHECK(checked.of("consent").level == "warning");
      CHECK(checked.of("consent").text.find("WeChat Pay demands both") != std::string::npos);
    }
    for (const std::string text :
         {"OPS-7: told by message, agreed by 2026-11-01, Li", "客服部：11月1日短信告知，会员已同意",
          "the protest was heard; members agreed"}) {
      CAPTURE(text);
      CHECK_FALSE(check(stage.job(), {"--set", "safety.acknowledge=" + text}).lines.contains("consent"));
    }
  }

  TEST_CASE("check: a rate above the one that the platform documents is a warning") {
    const auto stage = stage_of(1);
    const auto fast = check(stage.job(), {"--set", "limits.requests_per_second=5000"});
    CHECK(fast.exit_code == 0);
    CHECK(fast.of("limits").level == "warning");
    CHECK(fast.of("limits").text.find("requests_per_second is 5000, and the platform documents 5") == 0);
    CHECK_FALSE(check(stage.job(), {"--set", "limits.requests_per_second=5"}).lines.contains("limits"));
  }
}
