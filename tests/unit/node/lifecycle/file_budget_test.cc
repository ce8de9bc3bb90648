#include "node/lifecycle/file_budget.h"

#include <doctest/doctest.h>

#include <string>

using namespace shoal;
using node::file_budget;
using node::Options;

namespace {

Options node_with(size_t listeners, uint32_t connections) {
  Options options;
  options.tracker.udp.resize(listeners);
  options.tracker.http.resize(listeners);
  options.limits.connections = connections;
  return options;
}

}  // namespace

TEST_CASE("file budget: workers share the connections, and files are left for all else") {
  const Options many = node_with(2, 100'000);
  CHECK(file_budget(node_with(2, 1000), 4, 5, 100'000)->http_connections == 250);
  CHECK(file_budget(node_with(2, 2), 8, 5, 100'000)->http_connections == 1);
  CHECK(file_budget(many, 4, 5, 100'000)->admin_connections == 128);
  for (size_t limit = 200; limit < 20'000; limit += 7) {
    CAPTURE(limit);
    const auto budget = file_budget(many, 4, 5, limit);
    REQUIRE(budget);
    CHECK(budget->http_connections >= 8);
    CHECK(budget->admin_connections >= 8);
    CHECK(budget->http_connections * 4 + budget->admin_connections < limit);
  }
  // From some point on, all but a fixed number is for clients.
  CHECK(file_budget(many, 1, 5, 3000)->http_connections - file_budget(many, 1, 5, 2000)->http_connections ==
        1000);
}

TEST_CASE("file budget: too few files are an error that names both numbers") {
  const auto error = [](size_t limit) {
    const auto budget = file_budget(node_with(1, 1000), 2, 3, limit);
    return budget ? std::string() : budget.error().message;
  };
  size_t needed = 0;
  while (!error(needed).empty()) ++needed;
  CHECK(needed > 64);
  CHECK(error(needed - 1) == "open files: at most " + std::to_string(needed - 1) +
                                 " are allowed, and this node needs " + std::to_string(needed) +
                                 ": raise the limit (ulimit -n, LimitNOFILE=), or lower node.workers");
}
