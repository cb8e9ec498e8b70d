#include <doctest/doctest.h>

#include <boost/json.hpp>
#include <cardvoid/report/standing.hpp>
#include <ostream>

TEST_SUITE("component") {
  using namespace cardvoid;
  using model::Status;
  using report::Standing;
  using report::standing_text;

  namespace {

  ledger::RowInDoubt row(model::RowId id, Status status, bool held, std::string code, std::string words) {
    return {id,
            id + 1,
            "member-code-00" + std::to_string(id),
            "oPerson1",
            status,
            held,
            std::move(code),
            std::move(words)};
  }

  Standing doubtful() {
    Standing standing;
    standing.totals.pending = 1'000, standing.totals.in_flight = 20, standing.totals.unresolved = 500;
    standing.totals.held = 60, standing.totals.invalidated = 30'000, standing.totals.rejected = 4'000;
    standing.totals.already = 90, standing.totals.read_back = 1'100;
    standing.in_doubt = {row(17, Status::unresolved, true, "WRONG_CARD", "of oPerson1, not\x1B[2J"),
                         row(3, Status::unresolved, false, "LOST", "Connection reset by peer"),
                         row(4, Status::in_flight, false, "", "")};
    return standing;
  }

  }  // namespace

  TEST_CASE("standing: doubt comes first and those held come first of all") {
    CHECK(standing_text(doubtful()) ==
          "  in doubt               520  60 held after unclear answers: sent again only after `cardvoid "
          "retry`; "
          "460 read back first by the next run\n"
          "    line 18 code ****0017 held: WRONG_CARD, \"of ****, not\\x1B[2J\"\n"
          "    line 4 code ****-003 unresolved: LOST, \"Connection reset by peer\"\n"
          "    line 5 code ****-004 in flight: no answer is on record\n"
          "    all of them: cardvoid export --status unresolved, and --status in_flight\n"
          "  invalidated         30,000\n"
          "                      28,810  by our answer\n"
          "                       1,100  found INVALID after a lost or doubtful answer\n"
          "                          90  already INVALID before us\n"
          "  rejected             4,000  by the platform: cardvoid export --status rejected\n"
          "  pending              1,000  still to send\n");
  }

  TEST_CASE("standing: what is in flight while a run goes on is no worry") {
    auto standing = doubtful();
    standing.is_under_way = true;
    const auto text = standing_text(standing);
    CHECK(text.find("; 440 read back first by the next run; 20 in flight now\n") != std::string::npos);
    CHECK(text.find("line 4 ") != std::string::npos);
    CHECK(text.find("line 5 ") == std::string::npos);
  }

  TEST_CASE("standing: what there is none of takes no words") {
    CHECK(standing_text({}) ==
          "  in doubt                 0\n"
          "  invalidated              0\n"
          "  rejected                 0\n"
          "  pending                  0\n");
    Standing done;
    done.totals.invalidated = 2;
    CHECK(standing_text(done).find("2\n                           2  by our answer\n  rejected") !=
          std::string::npos);
  }

  TEST_CASE("standing: rows in conflict with the input are not sent and the line says so") {
    Standing standing;
    standing.totals.pending = 5, standing.totals.conflicts = 2;
    CHECK(standing_text(standing).ends_with("5  2 of them in conflict with the input: not sent\n"));
  }

  TEST_CASE("standing: long words of the platform are cut") {
    auto standing = doubtful();
    standing.in_doubt[0].error_message = std::string(500, 'x');
    const auto text = standing_text(standing);
    CHECK(text.find(std::string(99, 'x') + "…\"") != std::string::npos);
  }

  TEST_CASE("standing: as JSON it has the same numbers and rows without personal data") {
    boost::json::object object;
    report::add_standing(object, doubtful());
    const auto number = [&](const char* name) { return object.at(name).to_number<std::int64_t>(); };
    CHECK(number("in_doubt") == 520);
    CHECK(number("held") == 60);
    CHECK(number("in_flight") == 20);
    CHECK(number("unresolved") == 500);
    CHECK(number("answer") == 28'810);
    CHECK(number("read_back") == 1'100);
    CHECK(number("already") == 90);
    CHECK(number("to_send") == 1'460);
    const auto& rows = object.at("rows_in_doubt").as_array();
    REQUIRE(rows.size() == 3);
    CHECK(rows[0] ==
          boost::json::parse(R"({"row_id": 17, "code": "****0017", "status": "unresolved", "held": true,
                                            "error_code": "WRONG_CARD", "error_message": "of ****, not\u001B[2J"})"));
    CHECK(boost::json::serialize(object).find("oPerson1") == std::string::npos);
  }
}
