# Whole jobs in virtual time: the dispatcher, the answer table, the ledger on a disk that forgets.
add_library(cardvoid_simulation STATIC simulation/disk.cpp simulation/job.cpp simulation/platform.cpp
  simulation/process.cpp simulation/world.cpp)
target_include_directories(cardvoid_simulation PUBLIC ${CMAKE_CURRENT_SOURCE_DIR})
target_link_libraries(cardvoid_simulation PUBLIC cardvoid_run cardvoid_sqlite fmt::fmt PRIVATE cardvoid_options)
add_executable(simulate simulation/main.cpp)
target_link_libraries(simulate PRIVATE cardvoid_simulation cardvoid_options)

cardvoid_test(simulation parts TIMEOUT 120 SOURCES disk_test.cpp job_test.cpp DEPENDS cardvoid_simulation cardvoid_ledger)

# 20,000 seeds, in portions that run side by side; `scripts/soak N` runs more.
foreach(portion RANGE 0 9)
  math(EXPR from "${portion} * 2000 + 1")
  math(EXPR to "${from} + 1999")
  add_test(NAME "simulation/jobs: seeds ${from} to ${to} keep every promise" COMMAND simulate ${from}-${to})
  set_tests_properties("simulation/jobs: seeds ${from} to ${to} keep every promise" PROPERTIES LABELS simulation TIMEOUT 300)
endforeach()
