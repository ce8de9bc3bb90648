#include <doctest/doctest.h>

#include "sync/complaints.h"

namespace shoal::sync {
namespace {

TEST_CASE("complaints: lines about members are bounded, and the next one says how many were left out") {
  Complaints complaints;
  Outputs out;
  for (int i = 0; i < 2000; ++i) {
    const Now now{1'000'000 + i * 5'000, 0};
    complaints.note(now, {common::LogLevel::info, "member restarted", {{"member", "b"}}}, out);
  }
  CHECK(out.logs.size() <= 312);
  CHECK(out.logs.size() >= 300);
  out.logs.clear();
  complaints.note({60'000'000, 0}, {common::LogLevel::info, "member left", {}}, out);
  REQUIRE(out.logs.size() == 1);
  REQUIRE(out.logs[0].fields.size() == 1);
  CHECK(out.logs[0].fields[0].first == "lines_left_out");
}

}  // namespace
}  // namespace shoal::sync
