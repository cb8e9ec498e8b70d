cardvoid_test(cli program TIMEOUT 150 SOURCES accept_test.cpp answers_test.cpp check_test.cpp chinese_commands_test.cpp chinese_test.cpp completion_test.cpp consent_test.cpp environment_test.cpp export_test.cpp finish_test.cpp foreign_test.cpp forget_test.cpp
  init_test.cpp input_test.cpp json_test.cpp limits_test.cpp metrics_test.cpp mistakes_test.cpp next_steps_test.cpp older_test.cpp plan_test.cpp planted_test.cpp privacy_test.cpp protect_command_test.cpp protect_test.cpp rehearse_test.cpp report_test.cpp
  retry_test.cpp service_test.cpp shard_test.cpp shared_limit_test.cpp show_test.cpp sqlite_test.cpp status_test.cpp steer_test.cpp streams_test.cpp tampered_test.cpp
  usage_test.cpp words_test.cpp DEPENDS cardvoid_test_stage Boost::json fmt::fmt)
target_compile_definitions(cli_program PRIVATE CARDVOID_METRICS_READER="${CMAKE_CURRENT_LIST_DIR}/read_metrics.py")
target_compile_definitions(cli_program PRIVATE CARDVOID_PAGE_READER="${CMAKE_CURRENT_LIST_DIR}/look_at_page.py")
target_compile_definitions(cli_program PRIVATE CARDVOID_DATA="${PROJECT_SOURCE_DIR}/tests/data")
target_compile_definitions(cli_program PRIVATE CARDVOID_BINARY="$<TARGET_FILE:cardvoid>")
add_test(NAME "cli/examples: every command of the pages works" COMMAND ${CMAKE_CURRENT_LIST_DIR}/run_examples.py $<TARGET_FILE:cardvoid> ${PROJECT_SOURCE_DIR})
add_test(NAME "cli/examples: the script sees what it must" COMMAND ${CMAKE_CURRENT_LIST_DIR}/run_examples.py --self-test)
set_tests_properties("cli/examples: every command of the pages works" PROPERTIES LABELS cli COST 10 TIMEOUT 600)
set_tests_properties("cli/examples: the script sees what it must" PROPERTIES LABELS lint)
