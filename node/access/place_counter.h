// PlaceCounter: how many peers each country and each autonomous system has (access.geo_counts). Reads the
// whole store once a minute on a thread of libuv's pool, at low priority, and holds a shard's lock only while
// it copies some thousand addresses; looks them up without it. Off, it does nothing. The loop's thread only.

#pragma once

#include <uv.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <vector>

#include "node/access/place_index.h"
#include "node/net/job.h"
#include "node/net/timer.h"
#include "node/store/cluster_clock.h"
#include "node/store/swarm_store.h"

namespace shoal::node {

constexpr uint64_t kPlaceCountMs = 60'000;
// After the start, or a reload.
constexpr uint64_t kFirstPlaceCountMs = 1'000;

// Peers as the store counts them: a client in ten swarms counts ten times. The largest come first.
struct PlaceCounts {
  // Autonomous systems of which each is told by itself. Countries need no such limit: there are at most 676.
  static constexpr size_t kAsnsMax = 100;

  struct OfCountry {
    std::array<char, 2> country{};
    uint64_t peers = 0;
    bool operator==(const OfCountry&) const = default;
  };
  struct OfAsn {
    uint32_t asn = 0;
    uint64_t peers = 0;
    bool operator==(const OfAsn&) const = default;
  };
  int64_t unix_ms = 0;  // when they were counted
  int64_t took_ms = 0;
  uint64_t peers = 0;
  std::vector<OfCountry> countries;
  uint64_t peers_of_no_country = 0;  // whose country is not known
  std::vector<OfAsn> asns;
  uint64_t asns_beyond = 0;  // that are not among these
  uint64_t peers_beyond = 0;
  uint64_t peers_of_no_asn = 0;
};

// `peers`: of each of the index's places.
PlaceCounts summed_places(const PlaceIndex& index, std::span<const uint64_t> peers);

// None: broken off.
std::optional<PlaceCounts> count_places(const SwarmStore& store, const PlaceIndex& index, common::Tick now,
                                        const std::stop_token& stop);

struct PlaceStatus {
  size_t index_bounds = 0;
  size_t index_bytes = 0;
  std::shared_ptr<const PlaceCounts> counts;  // null: none yet
};

class PlaceCounter {
 public:
  // Store and clock outlive the loop. `index` as in set().
  PlaceCounter(uv_loop_t* loop, const SwarmStore& store, const ClusterClock& clock,
               std::shared_ptr<const PlaceIndex> index);
  PlaceCounter(const PlaceCounter&) = delete;
  PlaceCounter& operator=(const PlaceCounter&) = delete;

  // Null: off, and the counts are forgotten. Else they stay until there are newer ones.
  void set(std::shared_ptr<const PlaceIndex> index);

  // None: off.
  std::optional<PlaceStatus> status() const;

  // For good. A count under way ends early.
  void stop();

 private:
  void begin();

  uv_loop_t* const loop_;
  const SwarmStore& store_;
  const ClusterClock& clock_;
  std::shared_ptr<const PlaceIndex> index_;    // null: off
  std::shared_ptr<const PlaceCounts> counts_;  // null: none yet
  Timer timer_;
  Job job_;
};

}  // namespace shoal::node
