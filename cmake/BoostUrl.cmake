# cardvoid_boost_url: Boost.URL, compiled once for every room that parses URLs. A second src.hpp elsewhere would
# define its symbols twice.
include_guard(GLOBAL)
add_library(cardvoid_boost_url STATIC ${CMAKE_CURRENT_LIST_DIR}/boost_url.cpp)
target_link_libraries(cardvoid_boost_url PUBLIC Boost::headers)
target_compile_features(cardvoid_boost_url PUBLIC cxx_std_20)
if(CARDVOID_SANITIZE)
  target_compile_options(cardvoid_boost_url PRIVATE -fsanitize=${CARDVOID_SANITIZE} -fno-omit-frame-pointer)
endif()
