// ShieldStatus: what the admin endpoint shows of the shield. Plain values.

#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "node/xdp/shield.h"

namespace shoal::node {

// An interface of xdp.interfaces.
struct ShieldInterface {
  std::string name;
  std::string mode;     // "native" or "generic", also if it is not attached any more; else xdp.mode
  std::string trouble;  // why it is not attached; empty: it is
  bool attached() const { return trouble.empty(); }
};

struct ShieldStatus {
  std::vector<ShieldInterface> interfaces;
  ShieldDecisions decisions{};
  size_t targets = 0;              // addresses and ports of tracker.udp that it handles
  size_t targets_left_out = 0;     // that it leaves to the sockets, because there are too many
  bool networks_left_out = false;  // too many denied networks: the sockets drop those of a family
};

}  // namespace shoal::node
