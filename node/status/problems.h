// Problems: what is wrong with this node and its cluster now, as sentences: the strip on top of the page at /
// and `problems` of the status. One place decides what an operator must know. Pure.

#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "node/status/node_state.h"

namespace shoal::node {

// error: clients or peers are lost, or soon will be. warning: look at it.
enum class Severity : uint8_t { error, warning };

std::string_view to_string(Severity severity);

struct Problem {
  Severity severity = Severity::error;
  std::string text;  // printable ASCII
  bool operator==(const Problem&) const = default;
};

// A clock this far off is a problem; ShoalClockOff and ShoalClockAhead fire from here on, too.
constexpr int64_t kClockOffMs = 10'000;
// And this far off it is pointed out where it is shown.
constexpr int64_t kClockDifferentMs = 1'000;

// A certificate that ends sooner is a problem; ShoalCertificateExpires fires from here on, too.
constexpr int64_t kCertificateSoonS = 7 * 86'400;

// Members that are named one by one; of more of them only the names are given, and of many only some.
constexpr size_t kProblemMembersMax = 5;

// Errors first.
std::vector<Problem> problems_of(const NodeState& state);

}  // namespace shoal::node
