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
    translatable("the run is ending already ({})"),
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
    translatable("the platform refuses our credentials"),
};

}  // namespace

std::string spoken(std::string_view english) { return tr_stored(english, k_sentences); }

}  // namespace cardvoid::run
