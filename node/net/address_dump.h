// AddressDump: reads what the kernel's routing netlink says of this machine's addresses: the answer to a
// request for all of them, and the notices between that an address or an interface has changed. Hostile or
// truncated bytes are refused, never trusted. Pure: no socket (node/net/own_addresses.h has it).

#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "common/bytes.h"
#include "common/endpoint.h"

namespace shoal::node {

// Of this machine; ascending, each once, port 0.
struct MachineAddresses {
  // Unicast addresses that the kernel accepts packets for from a wire. Without loopback addresses
  // (127.0.0.0/8, ::1), and without link-local ones of IPv6, which mean another host on every interface.
  std::vector<common::Endpoint> own;
  // What no packet of another host comes from: these, and the broadcast addresses of the machine's networks.
  std::vector<common::Endpoint> no_clients;
  size_t left_out = 0;  // beyond AddressDump::kAddressesMax
  bool operator==(const MachineAddresses&) const = default;
};

class AddressDump {
 public:
  // More than any machine has. Those beyond are left out, and counted.
  static constexpr size_t kAddressesMax = 4096;
  static constexpr size_t kRequestBytes = 20;

  // What a datagram meant for the request under way.
  struct News {
    bool changed = false;  // an address or an interface of this machine came, went or changed: ask again
    bool link = false;     // an interface; its hardware address, perhaps
    bool done = false;     // the answer is complete
    bool failed = false;   // there will be no complete answer: ask again
  };

  // Begins anew; returns the request to send. `sequence` tells its answer from earlier ones: never 0.
  std::array<uint8_t, kRequestBytes> request(uint32_t sequence);

  News read(common::ByteSpan datagram);

  // Of the last complete answer.
  const MachineAddresses& addresses() const { return addresses_; }

 private:
  News message(uint16_t type, uint16_t flags, uint32_t sequence, common::ByteSpan body);
  bool take(common::ByteSpan body);
  void keep(const common::Endpoint& address);
  void keep_broadcast(const common::Endpoint& address);
  void finish();

  uint32_t sequence_ = 0;  // of the request under way; 0: none
  MachineAddresses found_;
  MachineAddresses addresses_;
};

}  // namespace shoal::node
