cardvoid_test(cli outside TIMEOUT 60 SOURCES check_test.cpp consent_test.cpp export_test.cpp foreign_test.cpp input_test.cpp limits_test.cpp mistakes_test.cpp
  plan_test.cpp privacy_test.cpp protect_test.cpp retry_test.cpp shared_limit_test.cpp sqlite_test.cpp status_test.cpp steer_test.cpp streams_test.cpp usage_test.cpp DEPENDS cardvoid_test_outside Boost::json fmt::fmt)
