#include "exit_codes.hpp"

#include <array>
#include <cardvoid/base/error.hpp>
#include <cardvoid/base/translate.hpp>

namespace cardvoid::cli {

namespace {

constexpr int number(Errc code) { return static_cast<int>(code); }

constexpr std::array k_exit_codes{
    ExitCode{0, translatable("done"),
             translatable("every card of the job is confirmed invalid, or the command did what it says")},
    ExitCode{1, translatable("done with losses"),
             translatable("nothing is left to send; some rows were rejected or refused")},
    ExitCode{number(Errc::usage), translatable("usage"), translatable("the command line is wrong")},
    ExitCode{number(Errc::bad_input), translatable("input"),
             translatable("the input is not what it claims to be, or the plan is not the confirmed one")},
    ExitCode{number(Errc::no_input), translatable("no input"),
             translatable("a named file does not exist or cannot be opened")},
    ExitCode{number(Errc::unavailable), translatable("unavailable"),
             translatable("the platform is away or in trouble for too long; work is left: run again later")},
    ExitCode{number(Errc::internal), translatable("internal"),
             translatable("a bug in cardvoid: please report it")},
    ExitCode{number(Errc::cannot_create), translatable("results"),
             translatable("the results database cannot be created, or is not this job's")},
    ExitCode{number(Errc::io), translatable("write error"),
             translatable("results cannot be written: sending stopped at once")},
    ExitCode{number(Errc::stopped), translatable("work left"),
             translatable("stopped early with work left: run it again; or another run holds the job")},
    ExitCode{
        number(Errc::tripped), translatable("stopped itself"),
        translatable(
            "canary, breaker, contradictory answers or a list that is done already: a person must look")},
    ExitCode{number(Errc::bad_credentials), translatable("credentials"),
             translatable("the platform refuses the credentials, or a key is unusable")},
    ExitCode{number(Errc::bad_job), translatable("job file"), translatable("the job file is wrong")},
};

}  // namespace

std::span<const ExitCode> exit_codes() { return k_exit_codes; }

}  // namespace cardvoid::cli
