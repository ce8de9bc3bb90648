// What the kernel says of a network interface that matters to XDP. Needs no privilege; `socket` is any open
// socket. Any thread.

#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "node/os/file_descriptor.h"

namespace shoal::node {

// The six bytes as they lie, and two zeros; 0 if there is none.
uint64_t hardware_address(int socket, const std::string& interface);

// "veth", "virtio_net"; empty: unknown.
std::string driver_of(int socket, const std::string& interface);

// A device of the machine's bus, not one that only software made.
bool has_hardware(const std::string& interface);

// Whether it takes VLAN tags off frames before XDP sees them.
bool strips_vlan_tags(int socket, const std::string& interface);

struct Vlan {
  std::string interface;
  std::string below;  // the interface that carries it
  uint16_t id = 0;
};
// What vlans_of_machine() looks at, opened before a chroot hides it: /proc/self/net, which is there also
// where /proc shows processes only (ProcSubset=pid in a systemd unit), and /proc/net is not.
FileDescriptor open_proc_net();

// All VLAN interfaces of this network namespace.
std::vector<Vlan> vlans_of_machine(int socket, int proc_net);

struct Queues {
  size_t receive = 0;
  size_t send = 0;
};
Queues queues_of(const std::string& interface);

uint32_t mtu_of(int socket, const std::string& interface);

}  // namespace shoal::node
