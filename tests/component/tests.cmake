cardvoid_test(component sqlite SOURCES sqlite/connection_test.cpp sqlite/database_file_test.cpp DEPENDS cardvoid_sqlite)
cardvoid_test(component wechatpay TIMEOUT 60 SOURCES wechatpay/key_files_test.cpp DEPENDS cardvoid_wechatpay)
cardvoid_test(component net SOURCES net/connect_test.cpp net/exchange_test.cpp net/hostile_server_test.cpp net/name_lookup_test.cpp
  net/pool_test.cpp net/proxy_test.cpp DEPENDS cardvoid_net cardvoid_test_tls)
target_include_directories(component_net PRIVATE ${PROJECT_SOURCE_DIR}/src/net)  # the lookup's door for a fake resolver
cardvoid_test(component sandbox TIMEOUT 60 SOURCES sandbox/cards_test.cpp sandbox/endpoint_test.cpp sandbox/fault_test.cpp
  sandbox/files_test.cpp sandbox/limit_test.cpp sandbox/refusal_test.cpp DEPENDS cardvoid_test_sandbox Boost::json)
cardvoid_test(component input SOURCES input/open_test.cpp input/sqlite_file_test.cpp input/sqlite_query_test.cpp input/sqlite_rows_test.cpp DEPENDS cardvoid_input cardvoid_sqlite)
cardvoid_test(component ledger TIMEOUT 60 SOURCES ledger/accepting_test.cpp ledger/broken_import_test.cpp ledger/canary_test.cpp ledger/conflict_test.cpp ledger/list_test.cpp
  ledger/fetch_test.cpp ledger/fingerprint_test.cpp ledger/large_import_test.cpp ledger/foreign_test.cpp ledger/forget_test.cpp ledger/importing_test.cpp
  ledger/journal_test.cpp ledger/lock_test.cpp ledger/merge_test.cpp ledger/locked_test.cpp ledger/open_test.cpp ledger/protecting_test.cpp ledger/records_test.cpp
  ledger/retrying_test.cpp ledger/schema_test.cpp ledger/waits_test.cpp ledger/sorted_lines_test.cpp ledger/story_test.cpp ledger/survey_test.cpp ledger/tampered_test.cpp ledger/unchanged_test.cpp DEPENDS cardvoid_ledger cardvoid_sqlite fmt::fmt)
target_include_directories(component_ledger PRIVATE ${PROJECT_SOURCE_DIR}/src/ledger)  # the filter of a large import, runs of digests
cardvoid_test(component run TIMEOUT 120 SOURCES run/import_test.cpp run/journal_test.cpp run/late_plan_test.cpp run/limits_test.cpp run/outlook_test.cpp run/shared_pace_test.cpp run/steering_test.cpp
  run/transport_test.cpp DEPENDS cardvoid_run)
target_sources(component_run PRIVATE support/limited_platform.cpp)
target_include_directories(component_run PRIVATE ${PROJECT_SOURCE_DIR}/src/run ${PROJECT_SOURCE_DIR}/src/ledger)  # the socket, without a run; a full disk
cardvoid_test(component report SOURCES report/export_test.cpp report/live_test.cpp report/progress_test.cpp report/standing_test.cpp report/story_test.cpp
  report/summary_test.cpp report/metrics_test.cpp report/page_test.cpp report/figures_test.cpp
  DEPENDS cardvoid_report Boost::json fmt::fmt)
target_include_directories(component_report PRIVATE ${PROJECT_SOURCE_DIR}/src/report)  # the rates, without a run
cardvoid_test(component cli SOURCES cli/finish_hook_test.cpp cli/next_steps_test.cpp DEPENDS cardvoid_cli fmt::fmt)
target_include_directories(component_cli PRIVATE ${PROJECT_SOURCE_DIR}/src/cli)  # with a shorter patience
target_compile_definitions(component_ledger PRIVATE CARDVOID_DATA="${PROJECT_SOURCE_DIR}/tests/data")
