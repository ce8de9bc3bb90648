#include "node/http/turn_budget.h"

#include <doctest/doctest.h>

using namespace shoal::node;

TEST_CASE("turn budget: steps and bytes end it, whichever is first") {
  TurnBudget steps({.steps = 2, .bytes = 1000});
  CHECK(!steps.is_used_up());
  steps.charge(0);
  CHECK(!steps.is_used_up());
  steps.charge(0);
  CHECK(steps.is_used_up());
  steps.charge(10);
  CHECK(steps.is_used_up());

  TurnBudget bytes({.steps = 100, .bytes = 1000});
  bytes.charge(999);
  CHECK(!bytes.is_used_up());
  bytes.charge(5000);
  CHECK(bytes.is_used_up());
  CHECK(TurnBudget().is_used_up());
}
