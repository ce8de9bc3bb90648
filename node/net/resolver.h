// Resolver: turns sync.peers into addresses, at start and every 60 s, on libuv's thread pool. Uses all A or
// all AAAA records, depending on the family of the sync socket. While a name does not resolve, it looks up
// all names again after 1 s, 2 s and so on, up to every 60 s. Control thread only.

#pragma once

#include <uv.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "common/endpoint.h"
#include "node/net/addresses.h"
#include "node/net/timer.h"

namespace shoal::node {

// An entry of sync.peers, as far as it is known.
struct ResolvedPeer {
  HostPort peer;
  std::vector<common::Endpoint> addresses;
  std::string trouble;  // why there are none; empty if there are
  bool operator==(const ResolvedPeer&) const = default;
};

class Resolver {
 public:
  using Resolved = std::function<void(std::vector<ResolvedPeer>)>;

  // `resolved` gets all peers with their known addresses after each lookup, and numeric addresses at once: a
  // slow name does not delay the others. A name that no longer resolves keeps its last addresses. No address
  // is reported twice.
  Resolver(uv_loop_t* loop, common::Family family, std::vector<HostPort> peers, Resolved resolved);
  ~Resolver();
  Resolver(const Resolver&) = delete;
  Resolver& operator=(const Resolver&) = delete;

  // Replaces the peers and looks them up at once. Calls `resolved` even if there are none.
  void set_peers(std::vector<HostPort> peers);

  // Cancels pending lookups. The object must live until the loop has run its close callbacks.
  void stop();

 private:
  struct Lookup {
    uv_getaddrinfo_t request;
    Resolver* owner = nullptr;
    HostPort peer;
    std::vector<common::Endpoint> addresses;
    bool pending = false;
    bool failed = false;
    int64_t failed_since_ms = 0;  // by monotonic_ms()
    bool warned = false;          // of that failure
  };

  static void on_resolved(uv_getaddrinfo_t* request, int status, addrinfo* found);
  void look_up_all();
  void schedule_next();
  static void note_outcome(Lookup& lookup, int status);
  std::string trouble_of(const Lookup& lookup) const;
  void report();
  void replace_peers(std::vector<HostPort> peers);

  uv_loop_t* loop_;
  const common::Family family_;
  Timer timer_;
  uint64_t retry_ms_;
  std::vector<Lookup> lookups_;
  size_t pending_ = 0;
  std::optional<std::vector<HostPort>> next_peers_;  // while pending_ > 0
  bool stopping_ = false;
  Resolved resolved_;
};

}  // namespace shoal::node
