# The built binary and the sandbox it talks to, for the tests in cli/ and faults/.
add_library(cardvoid_test_outside STATIC outside/program.cpp outside/stage.cpp component/sandbox/client.cpp
  component/sandbox/merchant.cpp)
target_include_directories(cardvoid_test_outside PUBLIC ${CMAKE_CURRENT_SOURCE_DIR} ${PROJECT_SOURCE_DIR}/src/sandbox)
target_compile_definitions(cardvoid_test_outside PRIVATE CARDVOID_BINARY="$<TARGET_FILE:cardvoid>"
  CARDVOID_SPARE_KEYS="${CMAKE_CURRENT_BINARY_DIR}/spare_keys")
target_link_libraries(cardvoid_test_outside PUBLIC cardvoid_sandbox cardvoid_wechatpay cardvoid_sqlite OpenSSL::SSL
  doctest::doctest PRIVATE fmt::fmt Boost::json cardvoid_options)
add_dependencies(cardvoid_test_outside cardvoid)
