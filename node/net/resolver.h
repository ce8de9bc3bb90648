// Resolver: turns sync.peers into addresses, at start and every 60 s, on libuv's thread pool. All A or all
// AAAA records are taken, of the family that the sync socket speaks. While a name does not resolve all are
// looked up again after 1 s, 2 s, and so on up to 60 s. Control thread only.

#pragma once

#include <uv.h>

#include <functional>
#include <optional>
#include <vector>

#include "common/endpoint.h"
#include "node/net/addresses.h"
#include "node/net/timer.h"

namespace shoal::node {

class Resolver {
 public:
  using Resolved = std::function<void(std::vector<common::Endpoint>)>;

  // Names that do not resolve keep the addresses they had. `resolved` gets all addresses known of all peers
  // whenever one has been looked up, and at once where some are addresses: one slow name holds up no other.
  Resolver(uv_loop_t* loop, common::Family family, std::vector<HostPort> peers, Resolved resolved);
  ~Resolver();
  Resolver(const Resolver&) = delete;
  Resolver& operator=(const Resolver&) = delete;

  // Others from now on, looked up at once; `resolved` is called also where there are none.
  void set_peers(std::vector<HostPort> peers);

  // Cancels what is under way; the object must live until the loop has run its close callbacks.
  void stop();

 private:
  struct Lookup {
    uv_getaddrinfo_t request;
    Resolver* owner = nullptr;
    HostPort peer;
    std::vector<common::Endpoint> addresses;
    bool pending = false;
    bool failed = false;  // logged once per change
  };

  static void on_resolved(uv_getaddrinfo_t* request, int status, addrinfo* found);
  void round();
  void end_round();
  void tell();
  void take_peers(std::vector<HostPort> peers);

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
