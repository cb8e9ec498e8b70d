cardvoid_test(fuzz wechatpay TIMEOUT 300 SOURCES wechatpay_fuzz_test.cpp DEPENDS cardvoid_wechatpay)
cardvoid_test(fuzz input TIMEOUT 120 SOURCES csv_fuzz_test.cpp job_fuzz_test.cpp DEPENDS cardvoid_input cardvoid_job)

include(fuzz/targets.cmake)
set(files ${CARDVOID_FUZZ_TARGETS})
list(TRANSFORM files REPLACE "(.+)" "targets/\\1.cpp")
cardvoid_test(fuzz corpus TIMEOUT 120 SOURCES target.cpp reading_results.cpp ${files} DEPENDS ${CARDVOID_FUZZ_ROOMS})
target_include_directories(fuzz_corpus PRIVATE ${CARDVOID_FUZZ_INCLUDES})
target_compile_definitions(fuzz_corpus PRIVATE CARDVOID_CORPUS="${CMAKE_CURRENT_LIST_DIR}/corpus")
