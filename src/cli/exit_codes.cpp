#include "exit_codes.hpp"

#include <array>
#include <cardvoid/base/error.hpp>

namespace cardvoid::cli {

namespace {

constexpr int number(Errc code) { return static_cast<int>(code); }

constexpr std::array k_exit_codes{
    ExitCode{0, "done", "every card of the job is confirmed invalid, or the command did what it says"},
    ExitCode{1, "done with losses", "nothing is left to send; some rows were rejected or refused"},
    ExitCode{number(Errc::usage), "usage", "the command line is wrong"},
    ExitCode{number(Errc::bad_input), "input",
             "the input is not what it claims to be, or the plan is not the confirmed one"},
    ExitCode{number(Errc::no_input), "no input", "a named file does not exist or cannot be opened"},
    ExitCode{number(Errc::unavailable), "unavailable",
             "the platform is away or in trouble for too long; work is left: run again later"},
    ExitCode{number(Errc::internal), "internal", "a bug in cardvoid: please report it"},
    ExitCode{number(Errc::cannot_create), "results",
             "the results database cannot be created, or is not this job's"},
    ExitCode{number(Errc::io), "write error", "results cannot be written: sending stopped at once"},
    ExitCode{number(Errc::stopped), "work left",
             "stopped early with work left: run it again; or another run holds the job"},
    ExitCode{number(Errc::tripped), "stopped itself",
             "canary, breaker, contradictory answers or a list that is done already: a person must look"},
    ExitCode{number(Errc::bad_credentials), "credentials",
             "the platform refuses the credentials, or a key is unusable"},
    ExitCode{number(Errc::bad_job), "job file", "the job file is wrong"},
};

}  // namespace

std::span<const ExitCode> exit_codes() { return k_exit_codes; }

}  // namespace cardvoid::cli
