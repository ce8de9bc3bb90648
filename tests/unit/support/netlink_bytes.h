// Messages of rtnetlink, as the kernel writes them.

#pragma once

#include <linux/rtnetlink.h>

#include <cstdint>
#include <vector>

#include "common/bytes.h"

namespace shoal::test {

using Bytes = std::vector<uint8_t>;

template <class Header>
void append(Bytes& out, const Header& header) {
  const auto* bytes = reinterpret_cast<const uint8_t*>(&header);
  out.insert(out.end(), bytes, bytes + sizeof header);
}

inline void pad(Bytes& out) {
  while (out.size() % 4 != 0) out.push_back(0);
}

inline void append_attribute(Bytes& out, uint16_t type, common::ByteSpan value) {
  append(out, rtattr{static_cast<uint16_t>(sizeof(rtattr) + value.size()), type});
  out.insert(out.end(), value.begin(), value.end());
  pad(out);
}

}  // namespace shoal::test
