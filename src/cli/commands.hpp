#pragma once
// The table of commands, in the order that the help lists them. Each is defined in a file of its name.

#include <array>

#include "command.hpp"

namespace cardvoid::cli {

Command init_command();
Command check_command();
Command plan_command();
Command rehearse_command();
Command run_command();
Command reconcile_command();
Command retry_command();
Command accept_command();
Command protect_command();
Command forget_command();
Command show_command();
Command status_command();
Command pause_command();  // these four: steer.cpp
Command resume_command();
Command rate_command();
Command stop_command();
Command export_command();
Command report_command();
Command merge_command();
Command sandbox_command();
Command completion_command();
Command help_command();
Command version_command();

inline constexpr std::array k_commands{
    init_command,  check_command,   plan_command,       rehearse_command, run_command,    reconcile_command,
    retry_command, accept_command,  protect_command,    forget_command,   show_command,   status_command,
    pause_command, resume_command,  rate_command,       stop_command,     export_command, report_command,
    merge_command, sandbox_command, completion_command, help_command,     version_command};

}  // namespace cardvoid::cli
