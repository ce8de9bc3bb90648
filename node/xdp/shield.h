// Shield: the XDP program in front of the UDP sockets, and its maps. The program (shield.bpf.c) answers
// connects and drops what the sockets would drop, before the kernel makes a socket buffer of it; it passes
// all else. The owner of this object is the control thread, which calls everything unless a comment says
// otherwise; nothing here blocks for longer than a system call.
//
// Loaded and attached while the process still has its privileges (CAP_NET_ADMIN, CAP_BPF or CAP_SYS_ADMIN);
// the setters need none: all maps exist from load() on, and all but the bans and the counts are memory shared
// with the kernel (no system call, cannot fail). After confinement it calls bpf(2) with MAP_LOOKUP_ELEM,
// MAP_UPDATE_ELEM, MAP_DELETE_ELEM and OBJ_GET_INFO_BY_FD only, and membarrier(2). The program is gone from
// the interfaces when the process ends, however it ends (bpf_link).
//
// Built without clang or libbpf, the same class is in shield_absent.cc: load() says so, and nothing else can
// be called.

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/endpoint.h"
#include "common/network.h"
#include "common/result.h"
#include "common/siphash.h"
#include "node/config/options.h"
#include "node/limits/client_prefix.h"
#include "node/xdp/shield_layout.h"

namespace shoal::node {

// What was done with a datagram; the values are shield_decision's.
using ShieldDecision = shield_decision;
constexpr size_t kShieldDecisions = SHIELD_DECISIONS;

// For metrics and JSON: "connect_answered", "dropped_network".
std::string_view to_string(ShieldDecision decision);

// Of one family: 0 is IPv4, 1 is IPv6, as family_index().
struct ShieldCounts {
  std::array<uint64_t, kShieldDecisions> packets{};
  // Of UDP payload, of what was answered or dropped, but not for its checksum. An answered connect has 16,
  // and so has its answer.
  uint64_t bytes = 0;

  // What never reaches a socket: answered or dropped. Of these, what was dropped.
  uint64_t handled() const { return packets[SHIELD_CONNECT_ANSWERED] + dropped(); }
  uint64_t dropped() const;
};
using ShieldDecisions = std::array<ShieldCounts, 2>;

// native saves most: in the driver, before the kernel makes a socket buffer.
using ShieldMode = XdpMode;

struct ShieldAttachment {
  std::string interface;
  ShieldMode mode = ShieldMode::native;  // never automatic
  std::string note;                      // for the log; why not native; empty: nothing to say
};

class Shield {
 public:
  static constexpr size_t kAddressesMax = SHIELD_ADDRESSES_MAX;  // of each family
  static constexpr size_t kInterfacesMax = SHIELD_INTERFACES_MAX;
  static constexpr size_t kKeysMax = SHIELD_KEYS_MAX;
  static constexpr size_t kBannedMax = SHIELD_BANNED_MAX;           // of each family
  static constexpr size_t kDeniedV4Max = SHIELD_V4_BOUNDS_MAX / 2;  // ranges
  static constexpr size_t kDeniedV6Max = SHIELD_V6_BOUNDS_MAX / 2;

  // Whether this program was built with it.
  static bool is_built();

  // Loads the program; it handles nothing yet. `secret`: random, so that nobody can choose clients that share
  // a bucket. The error says what is missing: not built in, no privilege (and which), a kernel without BTF or
  // too old, or the verifier's last words.
  // `program`: another one with the same maps, for benches.
  static common::Result<std::unique_ptr<Shield>> load(const common::SipKey& secret,
                                                      std::span<const uint8_t> program = {});

  ~Shield();  // detaches
  Shield(const Shield&) = delete;
  Shield& operator=(const Shield&) = delete;

  // Attaches to an interface. The error says why not: no such interface, a program of someone else's is
  // there, the driver cannot (with its own words), no privilege. `automatic` tries native first and notes why
  // it was refused. The setters should have been called before: from here on packets arrive.
  common::Result<ShieldAttachment> attach(const std::string& interface, ShieldMode mode);
  std::span<const ShieldAttachment> attached() const;
  // Whether the program is still on the interface: false once the interface is gone. A system call.
  bool is_attached(const std::string& interface) const;
  void detach_all();

  // ---- Settings. Each applies to all packets that arrive after the call, or to none: never half of it.

  // `targets`: addresses of this machine, with the port, that tracker.udp listens on; no wildcards. Others
  // are not touched. `no_clients`: addresses that cannot be a client's: all addresses of this machine and the
  // broadcast addresses of its networks; the kernel judges requests that say they come from there. Call it
  // again whenever addresses or interfaces change: it also reads the interfaces' hardware addresses again.
  // Returns how many of `targets` are not handled because there are more than kAddressesMax of both lists in
  // a family.
  size_t set_addresses(std::span<const common::Endpoint> targets,
                       std::span<const common::Endpoint> no_clients);

  // As UdpServer's: the first makes ids, all are accepted. With more than kKeysMax the program checks no ids
  // and passes announces and scrapes to the sockets.
  void set_keys(std::span<const common::SipKey> keys);

  // The cluster's time: connection ids are made of it. To be called every second (one store to memory).
  void set_unix_s(int64_t unix_s);

  // limits.requests_per_s_per_address and ..._per_prefix; 0: no limit. `workers`: threads that answer bad
  // connection ids with errors (StaleIdAnswers).
  void set_rates(uint32_t per_s_per_address, uint32_t per_s_per_prefix, uint32_t workers);

  // False: connects are passed to the sockets (draining).
  void set_answers_connects(bool answers);

  // Denied networks, in two steps. prepare_denied() copies the set to the kernel's memory, on a thread of the
  // pool if it is large (a few milliseconds for the largest; it may wait some more for the programs that
  // run); one call at a time. Packets are still judged by the last one. null: none. False: more ranges than
  // kDeniedV4Max or kDeniedV6Max; use_denied() will then leave the networks of that family to the sockets.
  // use_denied() applies what was prepared; constant time. A network of either set is denied.
  bool prepare_denied(const common::NetworkSet* denied, const common::NetworkSet* denied_too = nullptr);
  void use_denied();
  // Families whose networks are left to the sockets, at the moment.
  bool leaves_denied_to_sockets(common::Family family) const;

  // Banned clients: an IPv4 address or an IPv6 /64 (address_prefix()), each until a time of the kernel's
  // monotonic clock (monotonic_us()); again: the new time holds. An ended ban is ignored, but takes room
  // until it is removed. False: the table is full, or the kernel refuses; the sockets still apply the ban. A
  // microsecond each. Many at once (up to all of them): on a thread of the pool, one call at a time.
  bool ban(const ClientPrefix& client, uint64_t until_us);
  void unban(const ClientPrefix& client);
  size_t banned() const;

  // ---- What it did since load(), summed over the CPUs. A system call.
  ShieldDecisions decisions() const;

  // Clients with a good connection id of whom requests were dropped because of their own rate, and how many,
  // since this was called last: at most SHIELD_OVER_RATE_SLOTS of them.
  struct OverRate {
    ClientPrefix client{};  // address_prefix()
    uint64_t requests = 0;
  };
  std::vector<OverRate> take_over_rate();

  // ---- For tests and benches.
  enum class Verdict : uint8_t { aborted, drop, pass, transmit, redirect };
  struct Run {
    Verdict verdict = Verdict::aborted;
    std::vector<uint8_t> frame;  // after the program has run
    uint32_t ns = 0;             // of one run, the mean of `repeat`
  };
  // Runs the program on a frame of Ethernet, as if it had arrived. `unfinished_checksums`: on an interface
  // where such occur, see shield.bpf.c.
  common::Result<Run> run(std::span<const uint8_t> frame, uint32_t repeat = 1,
                          bool unfinished_checksums = false);
  // As if interfaces with these hardware addresses were attached, and interfaces in these VLANs were there.
  void pretend(std::span<const std::array<uint8_t, 6>> hardware, std::span<const uint16_t> vlans);

 private:
  struct Parts;
  explicit Shield(std::unique_ptr<Parts> parts);
  const std::unique_ptr<Parts> parts_;
};

}  // namespace shoal::node
