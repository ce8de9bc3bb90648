// Donation: one answer to a pull: the store's records, a piece at a time, at the pace the throttle allows.
// The bytes are for the TCP stream that the request came by.
//
// Made by Cluster::accept_pull; used by the thread that calls the cluster. It may outlive the cluster, but
// not the swarms. Destroying it ends it, complete or not, and makes room for another.

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
  // One call to next() appends at most this much.
  static constexpr size_t kPieceMax = 72 * 1024;

  struct Next {
    bool done = false;     // that was all: close the stream once it is written
    int64_t again_us = 0;  // unless done: call next() again at this Now::mono_us; may be now
  };

  virtual ~Donation() = default;
  Donation(const Donation&) = delete;
  Donation& operator=(const Donation&) = delete;

  // Appends the next piece to `out`, possibly nothing. May run for two milliseconds (it reads at most some
  // ten thousand records), so call it when the last piece has been written and other work has had its turn.
  virtual Next next(Now now, std::vector<uint8_t>& out) = 0;

 protected:
  Donation() = default;
};

// A request is two bytes of length and a sealed packet, which is seldom longer than a datagram.
constexpr size_t kPullRequestMax = 2 + 65'535;

// How many bytes of a request are missing after these; 0: it is complete. Nothing: this is no request, close
// the stream.
std::optional<size_t> pull_request_missing(common::ByteSpan bytes);

}  // namespace shoal::sync
