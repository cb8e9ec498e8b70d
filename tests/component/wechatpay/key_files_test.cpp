#include <doctest/doctest.h>
#include <sys/stat.h>

#include <cardvoid/base/file.hpp>
#include <cardvoid/wechatpay/verifier.hpp>
#include <filesystem>
#include <ostream>

#include "support/key_tools.hpp"
#include "support/temp_folder.hpp"

TEST_SUITE("component") {
  using namespace cardvoid;
  using namespace cardvoid::wechatpay;
  namespace fs = std::filesystem;

  namespace {

  struct Folder : support::TempFolder {
    fs::path put(const std::string& name, std::string_view content) const {
      REQUIRE(write_private_file(path / name, content).has_value());
      return path / name;
    }
  };

  template <class T>
  void check_error(const Result<T>& result, Errc code, std::string_view part) {
    REQUIRE(result.has_error());
    CHECK(static_cast<int>(result.error().code) == static_cast<int>(code));
    CAPTURE(result.error().what);
    CHECK(result.error().what.find(part) != std::string::npos);
  }

  }  // namespace

  TEST_CASE_FIXTURE(Folder, "merchant key: a passphrase file may end in a line end") {
    const auto key = key_tools::make_rsa_key();
    model::Merchant merchant;
    merchant.private_key_file = put("key.pem", key_tools::private_pem(key.get(), "open sesame "));
    for (const auto* content : {"open sesame ", "open sesame \n", "open sesame \r\n"}) {
      merchant.passphrase_file = put("passphrase", content);
      const auto loaded = load_merchant_key(merchant);
      REQUIRE(loaded.has_value());
      CHECK(EVP_PKEY_eq(loaded->get(), key.get()) == 1);
    }
    merchant.passphrase_file = put("passphrase", "open sesame");
    check_error(load_merchant_key(merchant), Errc::bad_credentials, "key.pem: the passphrase does not open");
  }

  TEST_CASE_FIXTURE(Folder, "merchant key: a missing file is 66 and an unusable one 77") {
    model::Merchant merchant;
    merchant.private_key_file = path / "absent.pem";
    check_error(load_merchant_key(merchant), Errc::no_input, "absent.pem");
    merchant.private_key_file = path;
    check_error(load_merchant_key(merchant), Errc::bad_credentials, path.string());
    merchant.private_key_file = put("big.pem", std::string(100'000, 'x'));
    check_error(load_merchant_key(merchant), Errc::bad_credentials, "is it the right file?");
    merchant.private_key_file = put("text.pem", "hello");
    check_error(load_merchant_key(merchant), Errc::bad_credentials, "text.pem: not PEM");
    merchant.passphrase_file = path / "absent";
    check_error(load_merchant_key(merchant), Errc::no_input, "absent");
  }

  TEST_CASE_FIXTURE(Folder, "merchant certificate: it is found in the key file or beside it") {
    const auto key = key_tools::make_rsa_key();
    const auto serial_beside = [&](const std::string& key_file) {
      model::Merchant merchant;
      merchant.private_key_file = path / key_file;
      const auto found = find_merchant_certificate(merchant);
      REQUIRE(found.has_value());
      return *found ? (*found)->certificate.serial + ((*found)->is_named_after_key ? "" : " of somebody")
                    : "none";
    };
    const auto key_pem = key_tools::private_pem(key.get());
    put("apiclient_key.pem", key_pem);
    put("other_key.pem", key_pem);
    CHECK(serial_beside("apiclient_key.pem") == "none");
    put("apiclient_cert.pem", key_tools::certificate_pem(key.get(), "AA01"));
    CHECK(serial_beside("apiclient_key.pem") == "AA01");
    CHECK(serial_beside("other_key.pem") == "AA01 of somebody");
    put("other_cert.pem", key_tools::certificate_pem(key.get(), "BB02"));
    CHECK(serial_beside("other_key.pem") == "BB02");
    put("both.pem", key_pem + key_tools::certificate_pem(key.get(), "CC03"));
    CHECK(serial_beside("both.pem") == "CC03");

    put("apiclient_cert.pem", key_tools::public_pem(key.get()));
    model::Merchant merchant;
    merchant.private_key_file = path / "apiclient_key.pem";
    check_error(find_merchant_certificate(merchant), Errc::bad_credentials,
                "apiclient_cert.pem: it holds a public key");
  }

  TEST_CASE_FIXTURE(Folder,
                    "merchant key: files that others can read are remarked on and writable ones refused") {
    model::Job job;
    auto& merchant = job.merchant;
    merchant.private_key_file = put("key.pem", "k");
    merchant.passphrase_file = put("passphrase", "p");
    const auto rights = [&](mode_t key, mode_t passphrase) {
      REQUIRE(::chmod(merchant.private_key_file.c_str(), key) == 0);
      REQUIRE(::chmod(merchant.passphrase_file.c_str(), passphrase) == 0);
      return examine_rights(job);
    };
    CHECK(rights(0600, 0400).value().remarks.empty());
    CHECK(rights(0600, 0400).value().modes.find("key.pem has mode 0600, ") != std::string::npos);
    CHECK(rights(0640, 0604).value().remarks.size() == 2);
    for (const mode_t open : {0620, 0602, 0666, 0660}) {
      check_error(rights(open, 0600), Errc::bad_credentials, "key.pem has mode");
      check_error(rights(0600, open), Errc::bad_credentials, "passphrase has mode");
    }
    merchant.private_key_file = path / "absent";  // told where it is read
    CHECK(examine_rights(job).has_error());       // of the passphrase
    merchant.passphrase_file.clear();
    CHECK(examine_rights(job).value().modes.empty());
  }

  // Its rights may have changed since examine_rights() looked.
  TEST_CASE_FIXTURE(Folder, "keys: one that others can change is not read") {
    const auto key = key_tools::make_rsa_key();
    model::Merchant merchant;
    merchant.private_key_file = put("key.pem", key_tools::private_pem(key.get()));
    model::Platform platform;
    platform.public_key_id = "PUB_KEY_ID_1";
    platform.public_key_file = put("pub.pem", key_tools::public_pem(key.get()));
    CHECK(load_merchant_key(merchant).has_value());
    CHECK(load_platform_keys(platform).has_value());
    for (const auto& file : {merchant.private_key_file, platform.public_key_file})
      REQUIRE(::chmod(file.c_str(), 0666) == 0);
    check_error(load_merchant_key(merchant), Errc::bad_credentials, "has mode 0666");
    check_error(load_platform_keys(platform), Errc::bad_credentials, "has mode 0666");
  }

  TEST_CASE_FIXTURE(Folder, "platform keys: the public key stands under its id") {
    const auto key = key_tools::make_rsa_key();
    model::Platform platform;
    platform.public_key_id = "PUB_KEY_ID_1";
    platform.public_key_file = put("pub.pem", key_tools::public_pem(key.get()));
    const auto loaded = load_platform_keys(platform);
    REQUIRE(loaded.has_value());
    CHECK(loaded->request_serial == "PUB_KEY_ID_1");
    REQUIRE(loaded->keys.size() == 1);
    CHECK(EVP_PKEY_eq(loaded->keys.at("PUB_KEY_ID_1").get(), key.get()) == 1);

    platform.public_key_file = path / "absent.pem";
    check_error(load_platform_keys(platform), Errc::no_input, "absent.pem");
    platform.public_key_file = put("wrong.pem", key_tools::private_pem(key.get()));
    check_error(load_platform_keys(platform), Errc::bad_credentials, "wrong.pem: it holds a private key");
    check_error(load_platform_keys({}), Errc::bad_job, "[platform]");
  }

  TEST_CASE_FIXTURE(Folder, "platform keys: every certificate of a folder stands under its serial") {
    const auto old_key = key_tools::make_rsa_key(), new_key = key_tools::make_rsa_key();
    model::Platform platform;
    platform.certificates_dir = path / "absent";
    check_error(load_platform_keys(platform), Errc::no_input, "absent");
    platform.certificates_dir = path;
    check_error(load_platform_keys(platform), Errc::bad_credentials, "holds no *.pem file");

    // In the order of neither names nor serials: the newest is asked for, under any name.
    put("a.pem", key_tools::certificate_pem(new_key.get(), "AA01", 1));
    put("b.pem", key_tools::certificate_pem(old_key.get(), "BB02", 2));
    put("README.txt", "not a key");
    put("._a.pem", std::string{"\0\5\26\7 of macOS", 14});
    put(".hidden.pem", "not a key");
    const auto loaded = load_platform_keys(platform);
    REQUIRE(loaded.has_value());
    CHECK(loaded->request_serial == "AA01");
    REQUIRE(loaded->keys.size() == 2);
    CHECK(EVP_PKEY_eq(loaded->keys.at("AA01").get(), new_key.get()) == 1);
    CHECK(EVP_PKEY_eq(loaded->keys.at("BB02").get(), old_key.get()) == 1);
    REQUIRE(loaded->certificates.size() == 2);
    CHECK(loaded->certificates[1].file == path / "b.pem");
    CHECK(loaded->certificates[1].serial == "BB02");
    const auto now = read_clocks().wall;
    CHECK(loaded->certificates[1].valid_from < now);
    CHECK(loaded->certificates[1].valid_until > now);

    put("broken.pem", key_tools::public_pem(old_key.get()));
    check_error(load_platform_keys(platform), Errc::bad_credentials, "broken.pem: it holds a public key");
  }
}
