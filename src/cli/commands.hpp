#pragma once
// One function for each command, in a file of its name. Each returns the exit code.

#include "console.hpp"

namespace cardvoid::cli {

int check(Console& console);
int plan(Console& console);
int run_job(Console& console);  // run and reconcile
int retry(Console& console);
int steer(Console& console);  // pause, resume, stop, rate
int status(Console& console);
int export_results(Console& console);
int sandbox(Console& console);

}  // namespace cardvoid::cli
