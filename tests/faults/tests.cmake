cardvoid_test(faults outside TIMEOUT 120 SOURCES canary_test.cpp crash_loop_test.cpp crash_test.cpp credentials_test.cpp disk_test.cpp
  failover_test.cpp hostile_test.cpp locked_test.cpp signal_test.cpp small_disk.cpp witness.cpp
  ../component/net/certificate.cpp ../component/net/server.cpp DEPENDS cardvoid_test_outside Boost::json fmt::fmt)
