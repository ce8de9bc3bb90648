#include "node/snapshot/snapshot_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <utility>
#include <vector>

#include "node/os/atomic_file.h"
#include "node/os/file_descriptor.h"
#include "node/snapshot/snapshot_ration.h"

namespace shoal::node {

using common::ByteSpan;
using common::fail;

namespace {

// Passes the records of one shard to the encoder, swarm by swarm. SwarmStore::for_each visits each swarm's
// records together.
bool add_shard(const SwarmStore& store, std::span<const proto::Delta> records, common::Tick tick,
               SnapshotEncoder& encoder) {
  while (!records.empty()) {
    const common::InfoHash& hash = records.front().info_hash;
    const auto end = std::find_if(records.begin(), records.end(),
                                  [&](const proto::Delta& delta) { return delta.info_hash != hash; });
    const auto count = static_cast<size_t>(end - records.begin());
    const uint32_t completed = store.scrape(store.locate(hash), hash).completed;
    if (!encoder.add({hash, completed, tick, records.first(count)})) return false;
    records = records.subspan(count);
  }
  return true;
}

// Writes all times (the header's, the frames' and the records') in cluster ticks, which the next run counts
// as well.
bool encode_store(const SwarmStore& store, const ClusterClock& clock, common::Tick behind,
                  common::Tick header_tick, SnapshotEncoder& encoder) {
  std::vector<proto::Delta> records;
  common::Tick tick = header_tick;
  for (size_t shard = 0; shard < SwarmStore::kShards; ++shard) {
    records.clear();
    // Never goes back, so that no frame is older than the header, even if somebody sets the clock.
    tick = std::max(tick, clock.tick() + behind);
    store.for_each(shard, [&](proto::Delta delta) {
      // Their connections do not outlive this run.
      if (delta.peer.family == common::Family::web) return;
      delta.stamp = common::stamp_of(delta.stamp + behind);
      records.push_back(delta);
    });
    if (!add_shard(store, records, tick, encoder)) return false;
  }
  return encoder.finish();
}

tl::unexpected<common::Error> failed(const std::string& what, int error) {
  return fail(what + ": " + std::strerror(error));
}

}  // namespace

common::Result<SnapshotWritten> write_snapshot(const std::string& path, const SnapshotIdentity& identity,
                                               const SwarmStore& store, const ClusterClock& clock,
                                               bool held) {
  auto file = AtomicFile::create(path, S_IRUSR | S_IWUSR);
  if (!file) return tl::make_unexpected(file.error());
  SnapshotWritten written;
  common::Result<void> ok;
  const common::Tick behind = clock.store_ticks_behind();
  const SnapshotHeader header{identity, clock.tick() + behind, clock.unix_ms(), held};
  SnapshotEncoder encoder(header, [&](ByteSpan bytes) {
    written.bytes += bytes.size();
    ok = file->write(bytes);
    return ok.has_value();
  });
  if (encode_store(store, clock, behind, header.tick, encoder)) ok = file->commit();
  if (!ok) return tl::make_unexpected(ok.error());
  written.records = encoder.records();
  return written;
}

namespace {

// The records of a file that are alive when reading begins, with their age at that time. Both readings of the
// file see the same.
class AliveAt {
 public:
  // If this machine's clock is behind, counts no time as passed since the writing began, not a negative time.
  void begin(const ClusterClock& clock, common::Tick header_tick) {
    now_ = clock.tick();
    cluster_now_ = std::max(now_ + clock.store_ticks_behind(), header_tick);
  }

  common::Tick now() const { return now_; }

  // Valid until the next call.
  std::span<const proto::Delta> of(const SnapshotSwarm& swarm) {
    alive_.clear();
    append_alive(swarm, cluster_now_, cluster_now_ - now_, alive_);
    return alive_;
  }

 private:
  common::Tick now_ = 0;
  common::Tick cluster_now_ = 0;
  std::vector<proto::Delta> alive_;
};

// Reads the file once. Raises `percent` from `from` by 50.
common::Result<SnapshotRead> read_file_once(const FileDescriptor& file, off_t size, unsigned from,
                                            std::atomic<unsigned>& percent, const SnapshotVisit& visit) {
  if (lseek(file.get(), 0, SEEK_SET) != 0) return failed("cannot be read", errno);
  int error = 0;
  uint64_t done = 0;
  const auto source = [&](std::span<uint8_t> out) {
    const size_t got = read_full(file, out, error);
    done += got;
    const uint64_t share = size > 0 ? std::min<uint64_t>(50, 50 * done / static_cast<uint64_t>(size)) : 50;
    percent.store(from + static_cast<unsigned>(share), std::memory_order_relaxed);
    return got;
  };
  auto read = read_snapshot(source, visit);
  if (error != 0) return failed("cannot be read", error);
  return read;
}

}  // namespace

common::Result<std::optional<SnapshotLoaded>> load_snapshot(const std::string& path,
                                                            const SnapshotIdentity& identity,
                                                            SwarmStore& store, const ClusterClock& clock,
                                                            std::atomic<unsigned>& percent) {
  // O_NONBLOCK: a FIFO of that name must not block the start forever.
  const FileDescriptor file(open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  if (!file.is_open() && errno == ENOENT) return std::optional<SnapshotLoaded>();
  struct stat info {};
  if (!file.is_open() || fstat(file.get(), &info) != 0) return failed("cannot be opened", errno);
  if (!S_ISREG(info.st_mode)) return fail("is not a regular file");
  SnapshotRation ration;
  AliveAt alive;
  const auto count = [&](const SnapshotHeader& header, const SnapshotSwarm& swarm) {
    if (alive.now() == 0) alive.begin(clock, header.tick);
    if (!store.serves(swarm.info_hash)) return;
    ration.count(swarm.info_hash, alive.of(swarm), alive.now());
  };
  const auto checked = read_file_once(file, info.st_size, 0, percent, count);
  if (!checked) return tl::make_unexpected(checked.error());
  if (auto ours = check_snapshot_header(checked->header, identity, clock.tick() + clock.store_ticks_behind());
      !ours) {
    return tl::make_unexpected(ours.error());
  }
  SnapshotLoaded loaded;
  loaded.header = checked->header;
  loaded.records = checked->records;
  ration.settle(store.room_for_snapshot());
  const auto merge = [&](const SnapshotHeader&, const SnapshotSwarm& swarm) {
    const auto peers = alive.of(swarm);
    loaded.expired += swarm.peers.size() - peers.size();
    if (!store.serves(swarm.info_hash) || !ration.take(swarm.info_hash, peers, alive.now())) return;
    loaded.merged += store.merge_part({swarm.info_hash, swarm.completed, peers}, clock.tick());
  };
  const auto merged = read_file_once(file, info.st_size, 50, percent, merge);
  if (!merged) return tl::make_unexpected(merged.error());
  loaded.left_out_swarms = ration.swarms_left_out();
  loaded.left_out_records = ration.records_left_out();
  return std::optional(loaded);
}

}  // namespace shoal::node
