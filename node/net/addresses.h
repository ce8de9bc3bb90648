// Addresses as an operator writes them. Plain values.

#pragma once

#include <cstdint>
#include <string>

#include "common/endpoint.h"

namespace shoal::node {

enum class Transport : uint8_t { tcp, udp };

// A name or numeric address, and a port.
struct HostPort {
  std::string host;
  uint16_t port = 0;
  bool operator==(const HostPort&) const = default;
};

// "239.192.0.42:6970%eth0": the group, its port and the interface to use.
struct MulticastGroup {
  common::Endpoint group;
  std::string interface;  // empty: the system's choice
  bool operator==(const MulticastGroup&) const = default;
};

}  // namespace shoal::node
