add_test(NAME "lint/co_await braces" COMMAND ${CMAKE_CURRENT_LIST_DIR}/co_await_braces.sh include src tests
  WORKING_DIRECTORY ${PROJECT_SOURCE_DIR})
add_test(NAME "lint/co_await braces: the script sees what it must"
  COMMAND ${CMAKE_CURRENT_LIST_DIR}/co_await_braces.sh --self-test)
add_test(NAME "lint/include table" COMMAND ${CMAKE_CURRENT_LIST_DIR}/include_table.sh ${PROJECT_SOURCE_DIR})
add_test(NAME "lint/include table: the script sees what it must"
  COMMAND ${CMAKE_CURRENT_LIST_DIR}/include_table.sh --self-test)
add_test(NAME "lint/test names" COMMAND ${CMAKE_CURRENT_LIST_DIR}/test_names.sh ${PROJECT_SOURCE_DIR}/tests)
add_test(NAME "lint/test names: the script sees what it must" COMMAND ${CMAKE_CURRENT_LIST_DIR}/test_names.sh --self-test)
set_tests_properties("lint/test names" "lint/test names: the script sees what it must" PROPERTIES LABELS lint)
set_tests_properties("lint/co_await braces" "lint/co_await braces: the script sees what it must"
  "lint/include table" "lint/include table: the script sees what it must" PROPERTIES LABELS lint)
add_test(NAME "lint/guarantees" COMMAND ${CMAKE_CURRENT_LIST_DIR}/guarantees.sh ${PROJECT_SOURCE_DIR})
add_test(NAME "lint/guarantees: the script sees what it must" COMMAND ${CMAKE_CURRENT_LIST_DIR}/guarantees.sh --self-test)
set_tests_properties("lint/guarantees" "lint/guarantees: the script sees what it must" PROPERTIES LABELS lint)
add_test(NAME "lint/metrics" COMMAND ${CMAKE_CURRENT_LIST_DIR}/metrics.sh ${PROJECT_SOURCE_DIR})
add_test(NAME "lint/metrics: the script sees what it must" COMMAND ${CMAKE_CURRENT_LIST_DIR}/metrics.sh --self-test)
set_tests_properties("lint/metrics" "lint/metrics: the script sees what it must" PROPERTIES LABELS lint)
add_test(NAME "lint/job keys" COMMAND ${CMAKE_CURRENT_LIST_DIR}/job_keys.sh ${PROJECT_SOURCE_DIR})
add_test(NAME "lint/job keys: the script sees what it must" COMMAND ${CMAKE_CURRENT_LIST_DIR}/job_keys.sh --self-test)
set_tests_properties("lint/job keys" "lint/job keys: the script sees what it must" PROPERTIES LABELS lint)
add_test(NAME "lint/commands" COMMAND ${CMAKE_CURRENT_LIST_DIR}/commands.py $<TARGET_FILE:cardvoid> ${PROJECT_SOURCE_DIR})
add_test(NAME "lint/commands: the script sees what it must" COMMAND ${CMAKE_CURRENT_LIST_DIR}/commands.py --self-test)
set_tests_properties("lint/commands" "lint/commands: the script sees what it must" PROPERTIES LABELS lint)
add_test(NAME "lint/references" COMMAND ${CMAKE_CURRENT_LIST_DIR}/references.py ${PROJECT_SOURCE_DIR})
add_test(NAME "lint/references: the script sees what it must" COMMAND ${CMAKE_CURRENT_LIST_DIR}/references.py --self-test)
set_tests_properties("lint/references" "lint/references: the script sees what it must" PROPERTIES LABELS lint)
add_test(NAME "lint/pages" COMMAND ${CMAKE_CURRENT_LIST_DIR}/pages.sh ${PROJECT_SOURCE_DIR}/src/report/pages)
add_test(NAME "lint/pages: the script sees what it must" COMMAND ${CMAKE_CURRENT_LIST_DIR}/pages.sh --self-test)
set_tests_properties("lint/pages" "lint/pages: the script sees what it must" PROPERTIES LABELS lint)

set(CARDVOID_SHORT_FUNCTIONS  # folders that are held to it
  src/base src/model src/job src/input src/run src/wechatpay src/net src/sandbox src/sqlite src/dispatch src/ledger src/report src/cli include)
add_test(NAME "lint/function length" COMMAND ${CMAKE_CURRENT_LIST_DIR}/function_length.py ${CARDVOID_SHORT_FUNCTIONS}
  WORKING_DIRECTORY ${PROJECT_SOURCE_DIR})
add_test(NAME "lint/function length: the script sees what it must"
  COMMAND ${CMAKE_CURRENT_LIST_DIR}/function_length.py --self-test)
set_tests_properties("lint/function length" "lint/function length: the script sees what it must" PROPERTIES LABELS lint)

# Files and folders that are held to it.
set(CARDVOID_PLAIN_ENGLISH CHANGELOG.md CMakeLists.txt README.md README.zh-CN.md SECURITY.md cmake docs jobs packaging/container packaging/cron packaging/systemd packaging/smoke.sh packaging/debian/postinst packaging/debian/postrm packaging/debian/prerm packaging/debian/try schema scripts
  tests/bench tests/cli tests/faults tests/fuzz tests/lint tests/simulation tests/support tests/unit)
foreach(room base model dispatch wechatpay sqlite net job input ledger run report sandbox cli)
  foreach(folder src/${room} include/cardvoid/${room} tests/component/${room})
    if(EXISTS ${PROJECT_SOURCE_DIR}/${folder})
      list(APPEND CARDVOID_PLAIN_ENGLISH ${folder})
    endif()
  endforeach()
endforeach()
add_test(NAME "lint/english" COMMAND ${CMAKE_CURRENT_LIST_DIR}/english.sh ${CARDVOID_PLAIN_ENGLISH}
  WORKING_DIRECTORY ${PROJECT_SOURCE_DIR})
add_test(NAME "lint/english: the script sees what it must" COMMAND ${CMAKE_CURRENT_LIST_DIR}/english.sh --self-test)
set_tests_properties("lint/english" "lint/english: the script sees what it must" PROPERTIES LABELS lint)

add_test(NAME "lint/exit codes" COMMAND ${CMAKE_CURRENT_LIST_DIR}/exit_codes.py $<TARGET_FILE:cardvoid> ${PROJECT_SOURCE_DIR})
add_test(NAME "lint/exit codes: the script sees what it must" COMMAND ${CMAKE_CURRENT_LIST_DIR}/exit_codes.py --self-test)
set_tests_properties("lint/exit codes" "lint/exit codes: the script sees what it must" PROPERTIES LABELS lint)

add_test(NAME "lint/mutations: every planted bug has its place" COMMAND ${PROJECT_SOURCE_DIR}/scripts/mutations --check)
set_tests_properties("lint/mutations: every planted bug has its place" PROPERTIES LABELS lint)

add_test(NAME "lint/catalogue" COMMAND ${CMAKE_CURRENT_LIST_DIR}/catalogue.py ${catalogue})
add_test(NAME "lint/catalogue: the script sees what it must" COMMAND ${CMAKE_CURRENT_LIST_DIR}/catalogue.py --self-test)
add_test(NAME "lint/catalogue: every message is translated" COMMAND ${PROJECT_SOURCE_DIR}/scripts/translate --check)
set_tests_properties("lint/catalogue" "lint/catalogue: the script sees what it must"
  "lint/catalogue: every message is translated" PROPERTIES LABELS lint)

add_test(NAME "lint/units" COMMAND ${CMAKE_CURRENT_LIST_DIR}/units.sh $<TARGET_FILE:cardvoid> ${PROJECT_SOURCE_DIR})
add_test(NAME "lint/units: the script sees what it must" COMMAND ${CMAKE_CURRENT_LIST_DIR}/units.sh --self-test)
set_tests_properties("lint/units" "lint/units: the script sees what it must" PROPERTIES LABELS lint)

add_test(NAME "lint/scripts: test says what to do where npm is away" COMMAND ${CMAKE_CURRENT_LIST_DIR}/npm_away.sh ${PROJECT_SOURCE_DIR})
set_tests_properties("lint/scripts: test says what to do where npm is away" PROPERTIES LABELS lint)
