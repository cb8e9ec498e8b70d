// Texts for people in English. In Chinese they are tested through the program (tests/cli), since the language
// is that of the process.

#include <doctest/doctest.h>

#include <cardvoid/base/translate.hpp>

TEST_SUITE("unit") {
  using namespace cardvoid;

  TEST_CASE("translate: English is spoken as it is written") {
    CHECK(tr("{} of {} cards", 3, 5) == "3 of 5 cards");
    CHECK(tr("sent") == "sent");
    CHECK(tr_n(1, "{} card of {} waits", "{} cards of {} wait", 7) == "1 card of 7 waits");
    CHECK(tr_n(1200, "{} card of {} waits", "{} cards of {} wait", 7) == "1,200 cards of 7 wait");
  }
}
