#include <cardvoid/base/translate.hpp>
#include <cardvoid/model/job.hpp>

namespace cardvoid::model {

std::string allowed_rates() { return tr("{:g} to {:g}", k_least_rate, k_greatest_rate); }

}  // namespace cardvoid::model
