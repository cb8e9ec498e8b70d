#pragma once

namespace cardvoid::report {

// How a run shows its progress. automatic: live on a terminal, else plain.
enum class ProgressMode { automatic, live, plain, json, none };

}  // namespace cardvoid::report
