#include "node/http/read_pace.h"

#include <doctest/doctest.h>

using namespace shoal::node;

TEST_CASE("read pace: a reader at the least rate may go on for ever, one below it may not") {
  ReadPace steady(64'000);
  bool kept_up = true;
  for (int i = 0; i < 100'000; ++i) kept_up = kept_up && steady.took(64'000, 1'000);
  CHECK(kept_up);
  ReadPace slow(64'000);
  int pieces = 0;
  while (slow.took(64'000, 9'000)) ++pieces;
  CHECK(pieces == ReadPace::kLagMs / 8'000);
}

TEST_CASE("read pace: what was read fast is no licence to stand still") {
  ReadPace pace(64'000);
  for (int i = 0; i < 1000; ++i) CHECK(pace.took(64'000'000, 1));
  CHECK(pace.took(0, ReadPace::kLagMs));
  CHECK(!pace.took(0, 1));
}

TEST_CASE("read pace: without a rate nobody is too slow") {
  ReadPace pace(0);
  CHECK(pace.took(1, 1'000'000'000));
}
