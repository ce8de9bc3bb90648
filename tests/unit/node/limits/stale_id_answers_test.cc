#include "node/limits/stale_id_answers.h"

#include <doctest/doctest.h>

using namespace shoal;
using node::StaleIdAnswers;

namespace {

constexpr common::SipKey kKey = {1, 2, 3};
constexpr int64_t kNow = 1'800'000'000;

common::Endpoint in_network(uint32_t network, uint32_t host = 1) {
  return common::make_endpoint_v4(0x01000000 + network * 256 + host, 6881);
}

// How many of `requests` from as many networks are answered.
uint32_t answered(StaleIdAnswers& answers, uint32_t requests, int64_t now_s) {
  uint32_t count = 0;
  for (uint32_t i = 0; i < requests; ++i) count += answers.may_answer(kKey, in_network(i), now_s) ? 1 : 0;
  return count;
}

}  // namespace

TEST_CASE("stale id answers: a few for each network in a second, whatever the address") {
  StaleIdAnswers answers;
  for (int64_t now_s = kNow; now_s < kNow + 3; ++now_s) {
    for (uint32_t host = 0; host < 50; ++host) {
      CHECK(answers.may_answer(kKey, in_network(7, host), now_s) == (host < StaleIdAnswers::kPerNetworkPerS));
    }
    CHECK(answers.may_answer(kKey, in_network(8), now_s));
  }
  const auto v6 = [](const char* text) { return common::parse_address(text).value(); };
  for (uint32_t i = 0; i < StaleIdAnswers::kPerNetworkPerS; ++i) {
    CHECK(answers.may_answer(kKey, v6("2001:db8:1:2::3"), kNow + 3));
  }
  CHECK_FALSE(answers.may_answer(kKey, v6("2001:db8:1:9::4"), kNow + 3));
  CHECK(answers.may_answer(kKey, v6("2001:db8:2::"), kNow + 3));
}

TEST_CASE("stale id answers: a limit for all in a second") {
  StaleIdAnswers answers;
  CHECK(answered(answers, 1'500, kNow) == StaleIdAnswers::kPerS);
  CHECK(answered(answers, 1'500, kNow + 1) == StaleIdAnswers::kPerS);
}

TEST_CASE("stale id answers: none while a flood is under way, and again when it is over") {
  StaleIdAnswers answers;
  answered(answers, StaleIdAnswers::kFloodPerS + 1, kNow);
  for (int64_t second = 1; second < 5; ++second) {
    CHECK(answered(answers, StaleIdAnswers::kFloodPerS + 1, kNow + second) == 0);
  }
  CHECK(answered(answers, 100, kNow + 5) == 0);  // the second after it is still quiet
  CHECK(answered(answers, 100, kNow + 6) == 100);
  answered(answers, StaleIdAnswers::kFloodPerS + 1, kNow + 7);
  CHECK(answered(answers, 100, kNow + 9) == 100);  // a second without any is between
}
