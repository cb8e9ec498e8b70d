#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cardvoid/base/file.hpp>
#include <cardvoid/base/sha256.hpp>
#include <cardvoid/input/code_list.hpp>
#include <filesystem>
#include <fstream>
#include <ostream>
#include <thread>

#include "reading.hpp"

TEST_SUITE("component") {
  using namespace cardvoid;
  using namespace cardvoid::input;

  namespace {

  model::Input csv(const std::filesystem::path& file) {
    model::Input input;
    input.csv = file.string();
    return input;
  }

  // Runs `doing` while standard input is `fd`.
  void with_standard_input(int fd, const auto& doing) {
    const int before = ::dup(STDIN_FILENO);
    ::dup2(fd, STDIN_FILENO);
    doing();
    ::dup2(before, STDIN_FILENO);
    ::close(before);
  }

  }  // namespace

  TEST_CASE("file: rows and refused lines come in order with their lines") {
    const TempFolder folder;
    CHECK(read(csv(folder.write("m.csv", "code,openid\n1,o\n2\n\"3\",o"))) ==
          Found{"1@2", "!3 1 field, the header has 2", "3@4"});
  }

  TEST_CASE("file: one that cannot be read is not bad input") {
    const TempFolder folder;
    const auto missing = open(csv(folder.path / "none.csv"));
    REQUIRE(missing.has_error());
    CHECK(missing.error().code == Errc::no_input);
    CHECK(missing.error().what == "input.csv: " + (folder.path / "none.csv").string() +
                                      ": cannot open it: No such file or directory");
    const auto directory = open(csv(folder.path));
    REQUIRE(directory.has_error());
    CHECK(directory.error().code == Errc::no_input);
  }

  TEST_CASE("file: at its end there is the digest of every byte and when it was changed") {
    const TempFolder folder;
    for (const std::string text : {"code,openid\n1,o\n2,o",
                                   "\xEF\xBB\xBF"
                                   "code,openid\n1,o\n"}) {
      const auto file = folder.write("m.csv", text);
      for (const auto encoding : {model::Encoding::automatic, model::Encoding::utf8}) {
        auto input = csv(file);
        input.encoding = encoding;
        auto source = open(input).value();
        CHECK(source->file().sha256.empty());
        while (source->next().value())
          ;
        Sha256 hash;
        hash.add(text);
        CHECK(source->file().sha256 == hash.finish_hex());
        CHECK(source->file().name == file.string());
        CHECK(source->file().changed_at == changed_at(file));
        CHECK(source->file().changed_at);
      }
    }
  }

  TEST_CASE("file: a symbolic link and a named pipe are read like a file") {
    const TempFolder folder;
    folder.write("m.csv", "code,openid\n1,o\n");
    std::filesystem::create_symlink("m.csv", folder.path / "link.csv");
    CHECK(read(csv(folder.path / "link.csv")) == Found{"1@2"});

    const auto pipe = folder.path / "pipe";
    REQUIRE(::mkfifo(pipe.c_str(), 0600) == 0);
    std::thread writer{[&] { std::ofstream{pipe} << "code,openid\n2,o\n" << std::flush; }};
    CHECK(read(csv(pipe)) == Found{"2@2"});
    writer.join();
  }

  TEST_CASE("file: a signal is heard while its encoding is found and while its digest is made") {
    const TempFolder folder;
    const auto input = csv(folder.write("m.csv", "code,openid\n" + std::string(1 << 20, ' ') + "\n1,o\n"));
    int asked = 0;
    const auto at_third = [&] { return ++asked == 3; };
    const auto opened = open(input, {.interrupted = at_third});
    REQUIRE(opened.has_error());
    CHECK(opened.error().code == Errc::stopped);
    asked = 1;
    const auto digest = digest_of(input, at_third);
    REQUIRE(digest.has_error());
    CHECK(digest.error().code == Errc::stopped);
    CHECK(digest_of(input, [] { return false; }).value().size() == 64);
  }

  TEST_CASE("file: the digest of a pipe is not asked for since it can be read only once") {
    const TempFolder folder;
    const auto pipe = folder.path / "pipe";
    REQUIRE(::mkfifo(pipe.c_str(), 0600) == 0);
    CHECK(digest_of(csv(pipe), [] { return false; }).value().empty());
    CHECK(digest_of(csv("-"), [] { return false; }).value().empty());
    CHECK(digest_of(csv(folder.path / "none.csv"), [] { return false; }).value().empty());
  }

  TEST_CASE("csv: a file in GB18030 is read without being told and its samples are shown") {
    const TempFolder folder;
    const auto file = folder.write("gbk.csv", "code,openid,reason\n1,o1,x\n2,o2,\xBB\xE1\xD4\xB1\n");  // 会员
    CHECK(read(csv(file)) == Found{"1@2", "2@3"});
    const auto source = open(csv(file));
    REQUIRE(source.has_value());
    while (const auto record = (*source)->next())
      if (!*record) break;
    CHECK((*source)->description().starts_with(
        "CSV, GB18030 (assumed: it is not UTF-8, and all of it decodes), comma"));
    CHECK((*source)->remarks() ==
          Found{"taken for GB18030, since it is not UTF-8: look at the samples of `cardvoid "
                "plan`, then set input.encoding"});
    CHECK((*source)->samples() == Found{"line 3: code ****, openid ****, reason \"会员\""});
  }

  TEST_CASE("csv: a file put together from two encodings is refused with both places") {
    const TempFolder folder;
    const auto file = folder.write("mixed.csv", "code,openid,reason\n1,o,会员计\n2,o,\xBB\xE1\n");
    const auto found = read(csv(file));
    REQUIRE(found.size() == 1);
    CHECK(found[0].starts_with("error: " + file.string() +
                               ":3: byte 0xBB at offset 37 is not valid UTF-8; nor is "));
    CHECK(found[0].find(":2: reads as UTF-8 like all before it, from byte 0xE4 at offset 23") !=
          std::string::npos);
  }

  TEST_CASE("code list: it may be semicolons in GB18030 or UTF-16 with a byte order mark") {
    using namespace std::string_literals;
    const TempFolder folder;
    const auto codes = [](const std::filesystem::path& file) {
      Found found;
      auto list = input::CodeList::open(file.string(), "\u5361\u53F7");
      if (!list) return Found{list.error().what};
      for (auto code = list->next(); code && *code; code = list->next()) found.emplace_back((*code)->text);
      return found;
    };
    CHECK(codes(folder.write("gb.csv", "name;\xBF\xA8\xBA\xC5\nx;0001\ny;0,2\n")) == Found{"0001", "0,2"});
    CHECK(codes(folder.write("utf16.txt",
                             "\xFF\xFE"
                             "0\0001\0\r\0\n\0002\0\n\0"s)) == Found{"01", "2"});
  }

  TEST_CASE("standard input: it may come in drops and stays open for others") {
    int ends[2];
    REQUIRE(::pipe(ends) == 0);
    std::thread writer{[&] {
      for (const char c : std::string_view{"code,openid\r\n1,o\r\n\"2\n\",o\r\n3,o"})
        CHECK(::write(ends[1], &c, 1) == 1);
      ::close(ends[1]);
    }};
    with_standard_input(ends[0], [] {
      CHECK(read(csv("-")) ==
            Found{"1@2", "!3 code: control character, such as a tab or a line break", "3@5"});
      CHECK(::fcntl(STDIN_FILENO, F_GETFD) >= 0);
    });
    writer.join();
    ::close(ends[0]);
  }

  TEST_CASE("standard input: it is named so in messages") {
    const TempFolder folder;
    const int file = ::open(folder.write("m.csv", "a,b\n").c_str(), O_RDONLY);
    with_standard_input(file, [] {
      const auto found = read(csv("-"));
      REQUIRE(found.size() == 1);
      CHECK(found[0].starts_with(
          "error: standard input:1: no columns \"code\", \"openid\"; there are \"a\", \"b\""));
    });
    ::close(file);
  }
}
