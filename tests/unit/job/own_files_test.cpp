#include <doctest/doctest.h>

#include <algorithm>
#include <cardvoid/model/own_files.hpp>
#include <ostream>

#include "keys.hpp"

TEST_SUITE("unit") {
  using namespace cardvoid;

  namespace {

  model::Job gold() {
    model::Job job;
    job.file = "jobs/gold.toml";
    job.input.csv = "-";
    job.results.database = "jobs/gold.db";
    job.platform.certificates_dir = "jobs/keys";
    return job;
  }

  std::string what_is_at(const model::Job& job, const char* file) {
    const auto found = model::find_own_file(job, file);
    return found ? std::string{found->what} : "";
  }

  }  // namespace

  TEST_CASE("own files: every key that holds a path is on the list") {
    for (const auto& key : job::keys()) {
      if (key.type != job::Type::path) continue;
      CAPTURE(key.path);
      job::Typed value;
      value.text = value.path = "x.prom";
      model::Job job;
      if (key.store(value, job) != job::KeyResult::stored) continue;  // not supported yet
      const auto own = model::own_files(job);
      CHECK(std::any_of(own.begin(), own.end(),
                        [&](const model::OwnFile& file) { return file.key == key.path; }));
    }
  }

  TEST_CASE("own files: what belongs to a database is a file of the job too") {
    auto job = gold();
    for (const auto* file : {"jobs/gold.db", "jobs/gold.db-wal", "jobs/gold.db-shm", "jobs/gold.db-journal",
                             "jobs/gold.db.lock", "jobs/x/../gold.db.sock"})
      CHECK_MESSAGE(what_is_at(job, file) == "results database", file);
    job.input.csv.clear();
    job.input.sqlite = "crm.db";
    for (const auto* file : {"crm.db", "crm.db-wal", "crm.db-shm", "crm.db-journal"})
      CHECK_MESSAGE(what_is_at(job, file) == "input", file);
  }

  TEST_CASE("own files: a folder of certificates stands for its PEM files and for nothing else in it") {
    CHECK(what_is_at(gold(), "jobs/keys/a.pem") == "folder of platform certificates");
    CHECK(what_is_at(gold(), "jobs/keys/results.csv") == "");
    CHECK(what_is_at(gold(), "jobs/keys/old/a.pem") == "");
  }

  TEST_CASE("own files: standard input and other files of the folder are not among them") {
    CHECK(what_is_at(gold(), "-") == "");
    CHECK(what_is_at(gold(), "jobs/silver.db") == "");
    CHECK(what_is_at(gold(), "jobs/gold.toml") == "job file");
  }
}
