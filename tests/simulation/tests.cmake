cardvoid_test(simulation disk TIMEOUT 120 SOURCES disk_test.cpp durability_test.cpp migration_test.cpp
  DEPENDS cardvoid_simulation cardvoid_ledger)
cardvoid_test(simulation job TIMEOUT 300 SOURCES job_test.cpp DEPENDS cardvoid_simulation)

# Under the sanitizers only a share of the seeds; .ci/run takes 8,000 with scripts/soak.
foreach(from RANGE 1 226 75)
  math(EXPR to "${from} + 74")
  set(name "simulation/jobs: seeds ${from} to ${to} keep every promise")
  add_test(NAME "${name}" COMMAND simulate ${from}-${to})
  set_tests_properties("${name}" PROPERTIES LABELS simulation TIMEOUT 300 PROCESSORS 3 COST 20)
endforeach()
