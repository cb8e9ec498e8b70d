# One line per room, in the order of the rooms.
cardvoid_test(unit base SOURCES base/clock_test.cpp base/duration_test.cpp base/errand_test.cpp base/file_test.cpp base/file_mark_test.cpp base/json_test.cpp base/language_test.cpp base/local_time_test.cpp base/rfc3339_test.cpp base/text_test.cpp base/translate_test.cpp DEPENDS cardvoid_base fmt::fmt)
cardvoid_test(unit model SOURCES model/card_rules_test.cpp model/outcome_test.cpp model/shard_test.cpp DEPENDS cardvoid_model)
cardvoid_test(unit dispatch SOURCES dispatch/breaker_test.cpp dispatch/canary_test.cpp dispatch/card_test.cpp dispatch/dispatcher_test.cpp dispatch/endpoint_health_test.cpp dispatch/failover_test.cpp
  dispatch/inquiry_test.cpp dispatch/pace_goals_test.cpp dispatch/pace_test.cpp dispatch/pacer_test.cpp dispatch/poison_test.cpp dispatch/protecting_test.cpp dispatch/retry_test.cpp dispatch/rulings_test.cpp dispatch/safety_test.cpp dispatch/soak_test.cpp dispatch/steering_test.cpp
  dispatch/throttled_cards_test.cpp dispatch/virtual_run.cpp dispatch/window_test.cpp DEPENDS cardvoid_dispatch fmt::fmt TIMEOUT 60)
target_sources(unit_dispatch PRIVATE support/limited_platform.cpp)
target_compile_definitions(unit_dispatch PRIVATE CARDVOID_ANSWERS="${PROJECT_SOURCE_DIR}/docs/answers.md"
  CARDVOID_PLOTS="${PROJECT_BINARY_DIR}/plots")
cardvoid_test(unit wechatpay TIMEOUT 60 SOURCES wechatpay/answer_test.cpp wechatpay/keys_test.cpp wechatpay/published_test.cpp
  wechatpay/request_test.cpp wechatpay/signer_test.cpp wechatpay/verifier_test.cpp DEPENDS cardvoid_wechatpay)
cardvoid_test(unit workers SOURCES base/workers_test.cpp DEPENDS cardvoid_base Boost::headers Threads::Threads)
cardvoid_test(unit job SOURCES job/faults_test.cpp job/load_test.cpp job/limits_test.cpp job/own_files_test.cpp job/proxy_test.cpp job/schema_test.cpp DEPENDS cardvoid_job Boost::json fmt::fmt)
target_include_directories(unit_job PRIVATE ${PROJECT_SOURCE_DIR}/src/job)  # the table of keys
target_compile_definitions(unit_job PRIVATE CARDVOID_JOBS="${PROJECT_SOURCE_DIR}/jobs"
  CARDVOID_SCHEMA="${PROJECT_SOURCE_DIR}/schema/job.schema.json")
cardvoid_test(unit input TIMEOUT 180 SOURCES input/code_list_test.cpp input/csv_spectrum_test.cpp input/csv_test.cpp input/damage_test.cpp input/delimiter_test.cpp
  input/dialect_test.cpp input/encoding_test.cpp input/evidence_test.cpp input/header_test.cpp
  input/protect_list_test.cpp DEPENDS cardvoid_input Boost::json fmt::fmt)
target_include_directories(unit_input PRIVATE ${PROJECT_SOURCE_DIR}/src/input)  # damage and encoding = "auto", without a file
target_compile_definitions(unit_input PRIVATE CARDVOID_CSV_SPECTRUM="${PROJECT_SOURCE_DIR}/build/csv-spectrum")
