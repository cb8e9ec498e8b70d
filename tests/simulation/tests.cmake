# Whole jobs in virtual time: the dispatcher, the answer table, the ledger on a disk that forgets.
add_library(cardvoid_simulation STATIC simulation/disk.cpp simulation/job.cpp simulation/platform.cpp
  simulation/process.cpp simulation/world.cpp)
target_include_directories(cardvoid_simulation PUBLIC ${CMAKE_CURRENT_SOURCE_DIR})
target_link_libraries(cardvoid_simulation PUBLIC cardvoid_run cardvoid_sqlite fmt::fmt PRIVATE cardvoid_options)
add_executable(simulate simulation/main.cpp)
target_link_libraries(simulate PRIVATE cardvoid_simulation cardvoid_options)
