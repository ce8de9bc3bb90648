#include "node/xdp/shield_slots.h"

#include <cstring>

#include "common/prng.h"

namespace shoal::node {

using common::Endpoint;
using common::Family;

namespace {

constexpr size_t kFactorTries = 100'000;

bool separates(uint64_t factor, std::span<const Endpoint> endpoints) {
  std::array<std::array<bool, SHIELD_ADDRESS_SLOTS>, SHIELD_FAMILIES> taken{};
  for (const Endpoint& endpoint : endpoints) {
    bool& slot = taken[endpoint.family == Family::v4 ? SHIELD_V4 : SHIELD_V6][slot_of(factor, endpoint)];
    if (slot) return false;
    slot = true;
  }
  return true;
}

}  // namespace

uint32_t v4_word(const Endpoint& endpoint) {
  uint32_t word;
  std::memcpy(&word, endpoint.address.data(), sizeof word);
  return word;
}

std::array<uint64_t, 2> v6_words(const Endpoint& endpoint) {
  std::array<uint64_t, 2> words;
  std::memcpy(words.data(), endpoint.address.data(), sizeof words);
  return words;
}

uint32_t slot_of(uint64_t factor, const Endpoint& endpoint) {
  const uint16_t port = network_order(endpoint.port);
  return endpoint.family == Family::v4 ? shield_slot_v4(factor, v4_word(endpoint), port)
                                       : shield_slot_v6(factor, v6_words(endpoint).data(), port);
}

uint64_t factor_for(std::span<const Endpoint> endpoints) {
  common::Prng prng(endpoints.size() + 1);
  for (size_t i = 0; i < kFactorTries; ++i) {
    const uint64_t factor = prng.next() | 1;
    if (separates(factor, endpoints)) return factor;
  }
  return 0;
}

}  // namespace shoal::node
