cardvoid_test(simulation disk TIMEOUT 120 SOURCES disk_test.cpp durability_test.cpp disk.cpp
  DEPENDS cardvoid_ledger cardvoid_sqlite)
