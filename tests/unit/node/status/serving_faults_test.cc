#include "node/status/serving_faults.h"

#include <doctest/doctest.h>

#include <array>
#include <cerrno>

using namespace shoal::node;

namespace {

const ServingFault kDead{"UDP answers cannot be sent: no", false};
const ServingFault kSlow{"sendmmsg is refused", true};

}  // namespace

TEST_CASE("serving faults: of all workers, each once, with what to change") {
  WorkerCounters first;
  WorkerCounters second;
  const std::array<const WorkerCounters*, 2> workers = {&first, &second};
  HttpCounters admin;
  CHECK(serving_faults_of(workers, admin, {}).empty());
  first.http.accept_error.set(EMFILE);
  second.http.accept_error.set(EMFILE);
  second.udp[1].call_errors.send_batch.set(EPERM);
  const auto found = serving_faults_of(workers, admin, {nullptr, ENFILE});
  REQUIRE(found.size() == 3);
  CHECK(found[0].text ==
        "HTTP connections cannot be accepted: Too many open files: raise the limit of open files (ulimit -n, "
        "LimitNOFILE=) or lower limits.connections");
  CHECK(!found[0].serves);
  CHECK(found[1].text ==
        "sendmmsg is refused, so UDP answers are sent one by one: Operation not permitted: a system call "
        "filter or security module forbids it");
  CHECK(found[1].serves);
  CHECK(found[2].serves);
  first.http.accept_error.set(0);
  second.http.accept_error.set(0);
  CHECK(serving_faults_of(workers, admin, {}).size() == 1);
}

TEST_CASE("serving faults: what lasts is told, and logged once") {
  ServingFaults faults;
  const auto lines = faults.look({kSlow, kDead}, 1'000);
  REQUIRE(lines.size() == 2);
  CHECK(lines[0].text == kSlow.text);
  CHECK(faults.lasting().empty());
  int64_t now_ms = 1'000;
  for (; now_ms < 1'000 + ServingFaults::kLastsMs; now_ms += 1'000) {
    CHECK(faults.reason().empty());
    CHECK(faults.look({kSlow, kDead}, now_ms + 1'000).empty());
  }
  CHECK(faults.lasting() == std::vector{kSlow, kDead});
  CHECK(faults.reason() == kDead.text);
  CHECK(faults.look({kSlow}, now_ms + 1'000).empty());
  CHECK(faults.lasting() == std::vector{kSlow});
  CHECK(faults.reason().empty());
}

TEST_CASE("serving faults: what comes and goes does not last, and is logged once; its end is logged") {
  ServingFaults faults;
  size_t lines = 0;
  int64_t now_ms = 0;
  for (int i = 0; i < 50; ++i, now_ms += 1'000) {
    lines += faults.look(i % 2 == 0 ? std::vector{kDead} : std::vector<ServingFault>{}, now_ms).size();
    CHECK(faults.reason().empty());
  }
  CHECK(lines == 1);
  const auto over = faults.look({}, now_ms + ServingFaults::kOverMs);
  REQUIRE(over.size() == 1);
  CHECK(over[0].over);
  CHECK(faults.look({}, now_ms + ServingFaults::kOverMs + 1'000).empty());
}
