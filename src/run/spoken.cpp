#include <cardvoid/base/spoken.hpp>
#include <cardvoid/base/translate.hpp>
#include <cardvoid/run/spoken.hpp>

namespace cardvoid::run {

namespace {

// The longer ones first, where one is the beginning of another.
constexpr const char* k_sentences[] = {
    // Why a run waits: dispatch::Dispatcher::reasons_to_wait.
    translatable("paused by 429"),
    translatable("slowed to {}/s by 429 ({} in 10m)"),
    translatable("slowed to {}/s by 429"),
    translatable("neither endpoint serves"),
    translatable("hardly any new row, since the platform answers with errors"),
    translatable("a card that worked is read back, to see whether our credentials still do"),
    translatable("line {} goes alone, and waits for its proof: a read-back that says INVALID"),
    translatable("line {} goes alone"),
    translatable("shares the limit with {} other run"),
    translatable("shares the limit with {} other runs"),
    translatable("rate set to {}/s by {}"),
    // Notices: dispatch::Safety, dispatch::PlatformHealth, Runner.
    translatable("canary: {} of {} cards are invalidated and were read back as INVALID ({} more were INVALID "
                 "already); the pace opens"),
    translatable("canary: {} of {} cards are invalidated and were read back as INVALID; the pace opens"),
    translatable("{} endpoint serves again"),
    translatable("{} endpoint does not serve ({}); using the {} one"),
    translatable("{} endpoint does not serve ({}); neither does the {} one: waiting"),
    translatable("{} endpoint is not trusted ({}); using the {} one"),
    translatable("{} endpoint is not trusted ({}); neither does the {} one: waiting"),
    translatable("line {} was recorded as invalidated, and reading it back does not show INVALID any more"),
    translatable(
        "a verified answer about this card names another brand_id than was asked for; the platform's "
        "own example does so too, and the card counts. Is brand_id right? status shows how many did"),
    translatable("safety.match_openid = false: an answer about a card counts with any member's openid"),
    translatable("cardvoid {} by {}: {}"),
    translatable("{} held, too late for {}: {}"),
    translatable("{} held, too late for {}"),
    translatable("{} taken back"),
    // Answers to a steering command: Runner::steer.
    translatable("paused already, by {} since {}; {}"),
    translatable("paused; {}"),
    translatable("nothing is in flight"),
    translatable("{} in flight is being settled"),
    translatable("{} in flight are being settled"),
    translatable("resumed at {} requests/s"),
    translatable("not paused; goes on at {} requests/s"),
    translatable("stopping: {}, then the run ends"),
    translatable("stopping: {}, the run ends now"),
    translatable("the run is ending already ({}); nothing was changed"),
    translatable("the run is ending already ({})"),
    translatable("expected {} to {} requests/s; to send nothing use cardvoid pause; nothing was changed, {} "
                 "holds"),
    translatable("the run is ending already; nothing was put on record"),
    translatable("the run belongs to {}; only that user and root can steer it"),
    translatable("the run does not understand this command; nothing was changed"),
    translatable("{} requests/s from now on until the run ends (the job says {}: above it the platform may "
                 "answer 429); still paused by {} since {}"),
    translatable("{} requests/s from now on until the run ends (the job says {}: above it the platform may "
                 "answer 429)"),
    translatable(
        "{} requests/s from now on until the run ends (the job says {}); still paused by {} since {}"),
    translatable("{} requests/s from now on until the run ends (the job says {})"),
    translatable("stopping: {}"),
    translatable("paused by {}"),
    // How a run ended.
    translatable("done"),
    translatable("ended with rows in doubt"),
    translatable("stopped by {} with cardvoid stop"),
    translatable("interrupted"),
    translatable("SIG{} received"),
    translatable("the window {} is closed"),
    translatable("--max-duration {} is over"),
    translatable("the limit of {} row for this run is reached"),
    translatable("the limit of {} rows for this run is reached"),
    translatable("the platform has answered with nothing but errors for {}"),
    translatable("neither endpoint has been reachable for {}"),
    translatable("the platform has answered with nothing but 429 for {}; is a quota of the day used up?"),
    // How it stopped itself: dispatch::Safety, dispatch::Breaker, dispatch::Card, dispatch::PlatformHealth.
    translatable("{} of the last {} settled rows were rejected or left unresolved, which is more than "
                 "safety.max_failure_rate = {}; all with no error code, such as line {} (code {})"),
    translatable("{} of the last {} settled rows were rejected or left unresolved, which is more than "
                 "safety.max_failure_rate = {}; {} with no error code, such as line {} (code {})"),
    translatable("{} of the last {} settled rows were rejected or left unresolved, which is more than "
                 "safety.max_failure_rate = {}; all with {}, such as line {} (code {})"),
    translatable("{} of the last {} settled rows were rejected or left unresolved, which is more than "
                 "safety.max_failure_rate = {}; {} with {}, such as line {} (code {})"),
    translatable("the canary failed at line {} (code {}), {} of {} cards had passed; {}"),
    translatable("called INVALID, and not read back"),
    translatable("the platform's answers about {} different cards are odd in the same way, last about line "
                 "{}: {}"),
    translatable("they are about another card than the one asked for"),
    translatable("they cannot be read"),
    translatable("they never carry a signature that verifies"),
    translatable("they always carry a deliberate wrong signature"),
    translatable("an answer that is not in our table (docs/answers.md)"),
    translatable("it calls them done, and reading them back does not show it"),
    translatable("{} cards were INVALID before us and none was invalidated by us; is this the right list, or "
                 "was the results database lost? If that is normal for this list, set "
                 "safety.expect_already = true"),
    translatable("no answer of this run could be verified ({}); {}"),
    translatable("no answer of this run could be verified ({})"),
    translatable("the answers about {} of the last {} cards cannot be verified ({}); {}"),
    translatable("the answers about {} of the last {} cards cannot be verified ({})"),
    translatable(
        "the verified answers about {} of the last {} cards are about another card or cannot be read "
        "({}); {}"),
    translatable(
        "the verified answers about {} of the last {} cards are about another card or cannot be read "
        "({})"),
    translatable("the platform is in trouble: a canary card gets no answer that counts since {}; run again "
                 "later"),
    translatable("neither endpoint's certificate can be trusted: {}"),
    translatable("the platform refuses our credentials"),
    translatable("the platform does not know this call; check endpoints and merchant.api"),
    translatable("the platform refuses the time of our signatures (its own is {}); set this machine's clock"),
    translatable("the platform refuses the time of our signatures; set this machine's clock"),
    // What an answer was, where it is not the platform's own word: wechatpay::classify, net.
    translatable("it carries no signature (no_signature)"),
    translatable("it is signed with a key that the job does not name: {} (unknown_key)"),
    translatable("{}, in no form that the platform uses"),
    translatable("its Wechatpay-Timestamp is not a time in seconds (stale)"),
    translatable("its Wechatpay-Timestamp is 5 minutes or more away from this machine's clock (stale)"),
    translatable("its clock is {} by its Wechatpay-Timestamp, and 5 minutes are too much (stale)"),
    translatable("{} ahead of ours"),
    translatable("{} behind ours"),
    translatable("it carries one of the platform's deliberate wrong signatures (probe)"),
    translatable("its signature does not verify (bad_signature)"),
    translatable(
        "its body is compressed ({}), which was not asked for, and the signature is that of the plain "
        "body (bad_signature)"),
    translatable("set this machine's clock: the platform's is {} by the answer's Date"),
    translatable("the answer is about another card: code {} of template {}"),
    translatable("the answer is about this card in the hands of another member: openid {}"),
    translatable("HTTP {}, yet the card is {}"),
    translatable("HTTP 202: accepted and not processed yet"),
    translatable("HTTP {} whose body is not a card: {} is missing"),
    translatable("HTTP {} whose body is not a card: {} stands twice, with different values"),
    translatable("HTTP {} whose body is not a card: {} is not a text"),
    translatable("HTTP {} whose body is not a card: {}"),
    translatable("HTTP {} is not believed: {}"),
    translatable("HTTP {} with an empty body"),
    translatable("HTTP {} with JSON in which code stands twice, with different values"),
    translatable("HTTP {} with JSON that is not an error"),
    translatable("HTTP {} with a compressed body ({})"),
    translatable("HTTP {} with an HTML page, \"{}\""),
    translatable("HTTP {} with an HTML page"),
    translatable("HTTP {} without JSON: {}"),
    translatable("message stands twice, with different values: {}"),
    translatable("it is not a JSON object"),
    translatable("it is empty"),
    translatable("it is not JSON"),
    translatable("the answer said INVALID, and reading the card back does not show it"),
    translatable("answer without length"),
    translatable("answer body over {} bytes"),
    translatable("answer header over {} bytes"),
    translatable("the answer is not valid HTTP: {}"),
    translatable("unasked answer {}"),
    translatable("the name has no address"),
    translatable("the client was closed"),
    translatable("no answer from the resolver in time"),
    translatable("Name or service not known"),
    translatable("Temporary failure in name resolution"),
    translatable("the server sends TLS messages without end"),
    translatable("the answer was not complete at the deadline"),
    translatable("no answer before the deadline"),
    translatable("the server closed inside its answer"),
    translatable("the server closed without an answer"),
    translatable("connection reset inside the answer"),
    translatable("connection reset before an answer"),
    translatable("the server closed a new connection at once or spoke before it was asked"),
    translatable("the connection was closed while it waited, or something came on it unasked"),
    translatable("the deadline passed before anything was sent"),
    translatable("the server spoke before it had the whole request"),
    translatable("the server closed the connection"),
    translatable("not finished in time"),
    translatable("{}: the name of the proxy {} cannot be resolved: {}"),
    translatable("{}: the name cannot be resolved: {}"),
    translatable("{}: the host is neither a name nor an address"),
    translatable("{}: no TCP connection in time ({})"),
    translatable("{}: no TCP connection in time"),
    translatable("{}: Connection refused ({})"),
    translatable("{}: Connection refused"),
    translatable("{}: Network is unreachable ({})"),
    translatable("{}: Network is unreachable"),
    translatable("{}: No route to host ({})"),
    translatable("{}: No route to host"),
    translatable("{}: certificate not accepted: {}"),
    translatable("{}: TLS handshake failed: {}"),
    translatable("{}: the proxy {} does not answer in time"),
    translatable("{}: the proxy {} answers CONNECT with something that is not HTTP"),
    translatable("{}: the proxy {} refuses the tunnel: {}"),
    translatable("{}: the proxy {} ends the connection: {}"),
    translatable("{} (is this machine's clock right?)"),
    translatable("{}: it was issued for another host"),
    translatable("unknown issuer: {} (a root of your own goes into endpoints.ca_file)"),
    translatable(
        "unknown issuer: this machine has no trust roots, {}: install the package ca-certificates (a "
        "root of your own goes into endpoints.ca_file)"),
    translatable("unable to get local issuer certificate"),
    translatable("unable to get issuer certificate"),
    translatable("unable to verify the first certificate"),
    translatable("self-signed certificate"),
    translatable("self-signed certificate in certificate chain"),
    translatable("certificate has expired"),
    translatable("certificate is not yet valid"),
    translatable("hostname mismatch"),
    translatable("IP address mismatch"),
    translatable("HTTP {}: {}"),
    translatable("rejected"),
    translatable("unresolved"),
    // An outcome behind what was said of it: model::describe. Last, since they match much.
    translatable("{}: HTTP {}, \"{}\" (Request-ID {}); {}"),
    translatable("{}: HTTP {}, \"{}\" (Request-ID {})"),
    translatable("{}: HTTP {}, \"{}\"; {}"),
    translatable("{}: HTTP {}, \"{}\""),
    translatable("{}: HTTP {} (Request-ID {}); {}"),
    translatable("{}: HTTP {} (Request-ID {})"),
    translatable("{}: HTTP {}"),
    translatable("{}: no answer {}, \"{}\"; {}"),
    translatable("{}: no answer {}, \"{}\""),
    translatable("{}: no answer {}"),
};

}  // namespace

std::string spoken(std::string_view english) { return tr_stored(english, k_sentences); }

}  // namespace cardvoid::run
