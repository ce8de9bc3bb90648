// Where addresses stand in the program's table: each in a slot of its own, so that it looks at one. Pure.

#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "common/endpoint.h"
#include "node/xdp/shield_layout.h"

namespace shoal::node {

// As the program reads them.
uint32_t v4_word(const common::Endpoint& endpoint);
std::array<uint64_t, 2> v6_words(const common::Endpoint& endpoint);
constexpr uint16_t network_order(uint16_t port) { return static_cast<uint16_t>(port << 8 | port >> 8); }

uint32_t slot_of(uint64_t factor, const common::Endpoint& endpoint);

// A factor that gives each of the endpoints, which all differ, a slot of its own in the table of its family.
// At most SHIELD_ADDRESSES_MAX of each: then one in some fifty does. 0: none was found.
uint64_t factor_for(std::span<const common::Endpoint> endpoints);

}  // namespace shoal::node
