// Donation: one answer to a pull, as the donor makes it: the store's records, a piece at a time, at the pace
// the throttle allows. The bytes go into the TCP stream the request came by.
//
// Made by Cluster::accept_pull; used by the thread that calls the cluster. It may outlive the cluster, not
// the swarms. Destroying it ends it, whether it was done or not, and makes room for another.

#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "common/bytes.h"
#include "sync/now.h"

namespace shoal::sync {

class Donation {
 public:
  // What one call to next() appends at most.
  static constexpr size_t kPieceMax = 72 * 1024;

  struct Next {
    bool done = false;     // all has been given: close the stream once it is written
    int64_t again_us = 0;  // unless done: call next() again at this Now::mono_us; may be now
  };

  virtual ~Donation() = default;
  Donation(const Donation&) = delete;
  Donation& operator=(const Donation&) = delete;

  // Appends the next piece to `out`, maybe nothing. Takes at most some two milliseconds, so it is to be
  // called when the last piece has been written and other work has had its turn.
  virtual Next next(Now now, std::vector<uint8_t>& out) = 0;

 protected:
  Donation() = default;
};

// A request is two bytes of length and a sealed packet.
constexpr size_t kPullRequestMax = 2 + 1200;

// How many bytes of a request are still to come when these have; 0: it is whole. Nothing: this is no request,
// close the stream.
std::optional<size_t> pull_request_missing(common::ByteSpan bytes);

}  // namespace shoal::sync
