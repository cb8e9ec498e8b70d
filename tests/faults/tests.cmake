cardvoid_test(faults program TIMEOUT 120 SOURCES canary_test.cpp crash_loop_test.cpp crash_test.cpp credentials_test.cpp disk_test.cpp
  failover_test.cpp hostile_server_test.cpp hostile_test.cpp locked_test.cpp places_test.cpp signal_test.cpp small_disk.cpp witness.cpp
  DEPENDS cardvoid_test_stage cardvoid_test_tls Boost::json fmt::fmt)
