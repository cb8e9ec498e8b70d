// Debian's Boost has the headers of Boost.URL and no library: this is the library (BoostUrl.cmake).
#include <boost/url/src.hpp>
