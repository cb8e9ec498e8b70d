cardvoid_test(fuzz wechatpay TIMEOUT 300 SOURCES wechatpay_fuzz_test.cpp DEPENDS cardvoid_wechatpay)
cardvoid_test(fuzz input TIMEOUT 120 SOURCES csv_fuzz_test.cpp job_fuzz_test.cpp DEPENDS cardvoid_input cardvoid_job)
