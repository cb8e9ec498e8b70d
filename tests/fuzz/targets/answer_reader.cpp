// The bytes of a server's answer, in pieces of any size.

#include "answer_reader.hpp"

#include "fuzz/target.hpp"

namespace cardvoid::fuzz::answers {

namespace {

using net::AnswerReader;
constexpr std::size_t k_body_limit_bytes = 10 << 10;  // more than usual: a large one is counted
constexpr std::string_view k_single_bytes{"\0", 1};

struct Read {
  AnswerReader::Step step = AnswerReader::more;
  net::Exchange exchange;
};

// `pieces`: sizes of the pieces, in turn; none: as much as the reader has room for.
Read read(std::string_view bytes, std::string_view pieces) {
  int large_left = 1;
  AnswerReader reader{k_body_limit_bytes, large_left};
  Read read;
  for (std::size_t turn = 0; read.step == AnswerReader::more && !bytes.empty(); ++turn) {
    const auto space = reader.space();
    auto size = std::min(space.size(), bytes.size());
    if (!pieces.empty())
      size = std::min<std::size_t>(size, 1 + static_cast<unsigned char>(pieces[turn % pieces.size()]) % 32);
    bytes.copy(static_cast<char*>(space.data()), size);
    bytes.remove_prefix(size);
    read.step = reader.take(size);
  }
  if (read.step == AnswerReader::failed) require(!reader.reason().empty(), "a failure has a reason");
  if (read.step != AnswerReader::done) return read;
  const auto kept = reader.keeps_for(std::chrono::seconds{60});
  require(!kept || (*kept > milliseconds{0} && *kept <= std::chrono::seconds{60}),
          "a connection is kept for a time within the limit");
  reader.move_into(read.exchange);
  require(read.exchange.status >= 200 && read.exchange.status <= 999, "a whole answer has a final status");
  require(read.exchange.body.size() <= k_body_limit_bytes, "a body stays within the limit");
  return read;
}

bool is_same(const net::Exchange& a, const net::Exchange& b) {
  return a.status == b.status && a.body == b.body && a.headers == b.headers;
}

}  // namespace

FUZZ_TARGET(answer_reader, "an answer in any pieces reads as it does whole") {
  Input input{bytes};
  const auto pieces = input.line();
  const auto whole = read(input.rest(), {});
  const auto cut_up = read(input.rest(), pieces.empty() ? k_single_bytes : pieces);
  // What is not valid may be seen at once, or only when more has come.
  require((cut_up.step == AnswerReader::done) == (whole.step == AnswerReader::done),
          "pieces are whole as the whole is");
  require(is_same(cut_up.exchange, whole.exchange), "pieces give the same answer");
}

}  // namespace cardvoid::fuzz::answers
