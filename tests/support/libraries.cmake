# What tests of several kinds share.

# TLS servers, and certificates from an authority of their own.
add_library(cardvoid_test_tls STATIC support/certificate.cpp support/tls_server.cpp)
target_link_libraries(cardvoid_test_tls PUBLIC cardvoid_base cardvoid_test_main OpenSSL::SSL PRIVATE cardvoid_options)

# A sandbox in the test's own process, and the merchant whose requests it answers.
add_library(cardvoid_test_sandbox STATIC support/merchant.cpp support/scene.cpp)
target_include_directories(cardvoid_test_sandbox PUBLIC ${PROJECT_SOURCE_DIR}/src/sandbox)
target_compile_definitions(cardvoid_test_sandbox PRIVATE CARDVOID_SPARE_KEYS="${CMAKE_CURRENT_BINARY_DIR}/spare_keys")
target_link_libraries(cardvoid_test_sandbox PUBLIC cardvoid_sandbox cardvoid_wechatpay cardvoid_test_main OpenSSL::SSL
  PRIVATE Boost::json cardvoid_options)

# The built binary as a process, and a stage for it: a job, its sandbox, its results database.
add_library(cardvoid_test_stage STATIC support/program.cpp support/stage.cpp)
target_compile_definitions(cardvoid_test_stage PRIVATE CARDVOID_BINARY="$<TARGET_FILE:cardvoid>")
target_link_libraries(cardvoid_test_stage PUBLIC cardvoid_test_sandbox cardvoid_sqlite PRIVATE fmt::fmt cardvoid_options)
add_dependencies(cardvoid_test_stage cardvoid)
