// Comparison: the same frames for the program of XDP (by BPF_PROG_TEST_RUN) and for the path without it
// (SocketPath: a kernel and a real UdpServer). What the program answers must be what the other answers, byte
// by byte; what it drops, the other must not answer; what it passes it must not change. Each group of frames
// also says which decisions it expects, so that a program that passes everything fails.
//
// Used by the unit tests, the fuzz target and tests/xdp/kernels.

#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/prng.h"
#include "node/xdp/shield.h"
#include "tests/xdp/frames.h"
#include "tests/xdp/socket_path.h"

namespace shoal::test {

class Comparison {
 public:
  struct Report {
    size_t passed = 0;
    size_t failed = 0;
    std::vector<std::string> failures;  // the first ones
  };

  // What this program or process lacks for it; empty: nothing. Quick, and loads nothing.
  static std::string why_impossible();

  // The error says what this machine lacks.
  static common::Result<std::unique_ptr<Comparison>> open();

  struct Group {
    const char* name;
    void (Comparison::*run)();
  };
  static const std::vector<Group>& groups();
  // Of what there is very much of, only each n-th: for slow machines.
  void take_each(size_t n) { stride_ = n; }

  // All settings as at first, then the group.
  Report run(const Group& group);

  // One frame of anybody's; what the program did.
  node::ShieldDecision compare(const Bytes& frame);
  const Report& report() const { return report_; }

  node::Shield& shield() { return *shield_; }
  SocketPath& sockets() { return *sockets_; }

 private:
  Comparison() = default;
  void reset();
  void lengths();
  void contents();
  void connection_ids();
  void stale_ids();
  void checksums();
  void headers();
  void tags();
  void sources();
  void destinations();
  void denied();
  void rates();
  void draining();
  void bans();

  void check(bool holds, const std::string& text);
  void expect(const Bytes& frame, node::ShieldDecision decision, const std::string& what);
  // What the program counted since the last call; none if it counted nothing.
  std::optional<node::ShieldDecision> counted();
  std::optional<node::ShieldDecision> compare_counted(const Bytes& frame);

  std::unique_ptr<node::Shield> shield_;
  std::unique_ptr<SocketPath> sockets_;
  node::ShieldDecisions before_{};
  size_t stride_ = 1;
  Report report_;
};

// Requests for frames.
Bytes connect_request(uint32_t transaction_id = 0x01020304);
Bytes announce_request(uint64_t connection_id);
Bytes scrape_request(uint64_t connection_id, size_t hashes = 1);
common::Endpoint client_v4(uint32_t number = 0);
common::Endpoint client_v6(uint32_t number = 0);
Wrapping from_client(const common::Endpoint& client);  // to the tracker

}  // namespace shoal::test
