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

// Merges blocks as they are read, each record with its present age.
class Merger {
 public:
  Merger(SwarmStore& store, const ClusterClock& clock, SnapshotLoaded& loaded)
      : store_(store), clock_(clock), header_tick_(loaded.header.tick), loaded_(loaded) {}

  void operator()(const SnapshotSwarm& swarm) {
    const common::Tick now = clock_.tick();
    // If this machine's clock is behind, count no time as passed since the writing began, not a negative
    // time.
    const common::Tick cluster_now = std::max(now + clock_.store_ticks_behind(), header_tick_);
    alive_.clear();
    append_alive(swarm, cluster_now, cluster_now - now, alive_);
    loaded_.expired += swarm.peers.size() - alive_.size();
    if (alive_.empty()) return;
    loaded_.merged += store_.merge_part({swarm.info_hash, swarm.completed, alive_}, now);
  }

 private:
  SwarmStore& store_;
  const ClusterClock& clock_;
  const common::Tick header_tick_;
  SnapshotLoaded& loaded_;
  std::vector<proto::Delta> alive_;
};

// Reads the file once. Raises `percent` from `from` by 50.
common::Result<SnapshotRead> read_file_once(const FileDescriptor& file, off_t size, unsigned from,
                                            std::atomic<unsigned>& percent,
                                            const std::function<void(const SnapshotSwarm&)>& visit) {
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
  const auto checked = read_file_once(file, info.st_size, 0, percent, [](const SnapshotSwarm&) {});
  if (!checked) return tl::make_unexpected(checked.error());
  if (auto ours = check_snapshot_header(checked->header, identity, clock.tick() + clock.store_ticks_behind());
      !ours) {
    return tl::make_unexpected(ours.error());
  }
  SnapshotLoaded loaded;
  loaded.header = checked->header;
  loaded.records = checked->records;
  const auto merged = read_file_once(file, info.st_size, 50, percent, Merger(store, clock, loaded));
  if (!merged) return tl::make_unexpected(merged.error());
  return std::optional(loaded);
}

}  // namespace shoal::node
