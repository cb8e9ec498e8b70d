# Each is tests/fuzz/targets/NAME.cpp, and its kept inputs are tests/fuzz/corpus/NAME.
set(CARDVOID_FUZZ_TARGETS answer_reader classification code_list csv endpoint job_file keys list_file lock_file pace_file
  protect_list results_database results_values signature steering text time_text)
set(CARDVOID_FUZZ_ROOMS cardvoid_job cardvoid_run Boost::json SQLite::SQLite3 fmt::fmt)
# The answer reader and the addresses are no public headers of their rooms.
set(CARDVOID_FUZZ_INCLUDES ${PROJECT_SOURCE_DIR}/tests ${PROJECT_SOURCE_DIR}/src/net ${PROJECT_SOURCE_DIR}/src/job)
