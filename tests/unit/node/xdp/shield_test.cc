// The program of XDP beside a kernel and a UdpServer: see tests/xdp/comparison.h. Skipped, with the reason,
// where BPF or network namespaces are not permitted.

#include "node/xdp/shield.h"

#include <doctest/doctest.h>

#include <memory>
#include <string>

#include "tests/xdp/comparison.h"

using namespace shoal;
using test::Comparison;

namespace {

// Opened once; null: not possible here.
Comparison* comparison() {
  static const auto opened = Comparison::open();
  if (!opened) MESSAGE("skipped: " << opened.error().message);
  return opened ? opened->get() : nullptr;
}

}  // namespace

TEST_CASE("shield: answers and drops what the sockets do") {
  Comparison* const both = comparison();
  if (both == nullptr) return;
  for (const Comparison::Group& group : Comparison::groups()) {
    SUBCASE(group.name) {
      const Comparison::Report report = both->run(group);
      for (const std::string& failure : report.failures) MESSAGE(failure);
      CHECK(report.failed == 0);
      CHECK(report.passed > 0);
    }
  }
}
