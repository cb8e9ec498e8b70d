cardvoid_test(faults outside TIMEOUT 120 SOURCES crash_test.cpp credentials_test.cpp failover_test.cpp hostile_test.cpp
  locked_test.cpp signal_test.cpp ../component/net/certificate.cpp ../component/net/server.cpp DEPENDS cardvoid_test_outside Boost::json fmt::fmt)
