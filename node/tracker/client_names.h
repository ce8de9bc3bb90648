// Which program a peer_id says it is (BEP 20). A claim, and good for statistics only.

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace shoal::node {

// The number of known programs; the last number stands for all others.
constexpr size_t kClientNames = 31;

std::string_view client_name(size_t number);

size_t client_number(const std::array<uint8_t, 20>& peer_id);

}  // namespace shoal::node
