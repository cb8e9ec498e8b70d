#include <fmt/format.h>

#include <cardvoid/model/job.hpp>

namespace cardvoid::model {

std::string allowed_rates() { return fmt::format("{:g} to {:g}", k_least_rate, k_greatest_rate); }

}  // namespace cardvoid::model
