#include "node/access/place_counter.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "node/os/monotonic.h"
#include "node/os/thread_priority.h"
#include "sync/cells.h"

namespace shoal::node {

namespace {

// The most peers first, then as they are named.
bool more_in_country(const PlaceCounts::OfCountry& a, const PlaceCounts::OfCountry& b) {
  return std::tie(b.peers, a.country) < std::tie(a.peers, b.country);
}

bool more_in_asn(const PlaceCounts::OfAsn& a, const PlaceCounts::OfAsn& b) {
  return std::tie(b.peers, a.asn) < std::tie(a.peers, b.asn);
}

}  // namespace

PlaceCounts summed_places(const PlaceIndex& index, std::span<const uint64_t> peers) {
  PlaceCounts counts;
  std::vector<PlaceCounts::OfAsn> asns;
  // Places are sorted by country.
  for (size_t i = 0; i < peers.size(); ++i) {
    if (peers[i] == 0) continue;
    const GeoEntry& place = index.places()[i];
    counts.peers += peers[i];
    if (place.country[0] == '\0') {
      counts.peers_of_no_country += peers[i];
    } else if (!counts.countries.empty() && counts.countries.back().country == place.country) {
      counts.countries.back().peers += peers[i];
    } else {
      counts.countries.push_back({place.country, peers[i]});
    }
    if (place.asn == 0) {
      counts.peers_of_no_asn += peers[i];
    } else {
      asns.push_back({place.asn, peers[i]});
    }
  }
  std::sort(counts.countries.begin(), counts.countries.end(), more_in_country);
  std::sort(asns.begin(), asns.end(), [](const auto& a, const auto& b) { return a.asn < b.asn; });
  size_t kept = 0;
  for (size_t i = 0; i < asns.size(); ++i) {
    if (kept > 0 && asns[kept - 1].asn == asns[i].asn) {
      asns[kept - 1].peers += asns[i].peers;
    } else {
      asns[kept++] = asns[i];
    }
  }
  asns.resize(kept);
  std::sort(asns.begin(), asns.end(), more_in_asn);
  for (size_t i = PlaceCounts::kAsnsMax; i < asns.size(); ++i) {
    ++counts.asns_beyond;
    counts.peers_beyond += asns[i].peers;
  }
  asns.resize(std::min(asns.size(), PlaceCounts::kAsnsMax));
  counts.asns = {asns.begin(), asns.end()};
  return counts;
}

std::optional<PlaceCounts> count_places(const SwarmStore& store, const PlaceIndex& index, common::Tick now,
                                        const std::stop_token& stop) {
  std::vector<uint64_t> peers(index.places().size());
  std::vector<common::Endpoint> addresses;  // of one part
  const sync::Cells all = sync::Cells::everything();
  const auto take = [&addresses](const sync::SwarmPart& part) {
    for (const proto::Delta& record : part.records) {
      // Web peers have no address.
      if (record.peer.family == common::Family::web) continue;
      if (record.state.role != proto::PeerRole::stopped) addresses.push_back(record.peer);
    }
  };
  for (size_t shard = 0; shard < SwarmStore::kShards; ++shard) {
    std::unique_ptr<sync::Swarms::Walk> walk;
    for (bool last = false; !last;) {
      if (stop.stop_requested()) return std::nullopt;
      last = store.read_part(walk, shard, all, now, take);
      for (const common::Endpoint& address : addresses) ++peers[index.find(address)];
      addresses.clear();
    }
  }
  return summed_places(index, peers);
}

PlaceCounter::PlaceCounter(uv_loop_t* loop, const SwarmStore& store, const ClusterClock& clock,
                           std::shared_ptr<const PlaceIndex> index)
    : loop_(loop), store_(store), clock_(clock), timer_(loop, [this] { begin(); }) {
  set(std::move(index));
}

void PlaceCounter::set(std::shared_ptr<const PlaceIndex> index) {
  index_ = std::move(index);
  // It counts by what no longer holds.
  job_.cancel();
  if (index_) {
    timer_.start(kFirstPlaceCountMs, kPlaceCountMs);
  } else {
    timer_.stop();
    counts_ = nullptr;
  }
}

void PlaceCounter::begin() {
  if (job_.is_running()) return;  // a large store, and others need the CPU: skip one
  job_.start(
      loop_,
      [index = index_, &store = store_, &clock = clock_](const std::stop_token& stop) {
        lower_thread_priority();
        const int64_t start_ms = monotonic_ms();
        auto counts = count_places(store, *index, clock.tick(), stop);
        if (counts) {
          counts->unix_ms = clock.unix_ms();
          counts->took_ms = monotonic_ms() - start_ms;
        }
        return counts;
      },
      [this](std::optional<PlaceCounts> counts) {
        if (counts) counts_ = std::make_shared<const PlaceCounts>(std::move(*counts));
      });
}

std::optional<PlaceStatus> PlaceCounter::status() const {
  if (!index_) return std::nullopt;
  return PlaceStatus{index_->bounds(), index_->bytes(), counts_};
}

void PlaceCounter::stop() {
  timer_.close();
  job_.cancel();
}

}  // namespace shoal::node
