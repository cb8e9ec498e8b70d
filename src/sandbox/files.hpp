#pragma once
// The sandbox's folder: creates what is missing and reads all of it (sandbox.hpp, Sandbox::start).

#include <openssl/evp.h>
#include <cardvoid/base/error.hpp>
#include <cardvoid/sandbox/sandbox.hpp>
#include <filesystem>
#include <memory>
#include <string>

#include "world.hpp"

namespace cardvoid::sandbox {

struct Prepared {
  std::string server_certificate_pem, server_key_pem;
  std::string merchant_serial_no;
  std::shared_ptr<EVP_PKEY> merchant_public_key, platform_private_key;
  std::unique_ptr<World> world;
};
Result<Prepared> prepare(const Settings& settings);

// Writes sandbox.toml, unless the user has taken it over.
Result<void> write_job(const Settings& settings, const std::string& merchant_serial_no,
                       std::uint16_t primary_port, std::uint16_t backup_port);

}  // namespace cardvoid::sandbox
