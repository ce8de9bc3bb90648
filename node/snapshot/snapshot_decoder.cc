#include <algorithm>
#include <optional>

#include "node/snapshot/snapshot_format.h"
#include "node/snapshot/snapshot_layout.h"
#include "node/text/printable.h"
#include "proto/record_blocks.h"

namespace shoal::node {

using common::ByteReader;
using common::ByteSpan;
using common::fail;
using namespace snapshot;

namespace {

class SnapshotDecoder {
 public:
  SnapshotDecoder(const SnapshotSource& read, const SnapshotVisit& visit) : read_(read), visit_(visit) {}

  common::Result<SnapshotRead> run() {
    if (auto header = read_header(); !header) return tl::make_unexpected(header.error());
    for (;;) {
      const auto raw_size = number<uint32_t>();
      if (!raw_size) return torn();
      if (*raw_size == 0) break;
      if (auto frame = read_frame(*raw_size); !frame) return tl::make_unexpected(frame.error());
    }
    const auto records = number<uint64_t>();
    const auto sum = file_.final<kFileHashBytes>();
    std::array<uint8_t, kFileHashBytes> written;
    if (!records || !take(written)) return torn();
    if (written != sum || *records != result_.records) return fail("its checksum is wrong");
    uint8_t more;
    if (read_({&more, 1}) != 0) return fail("it has bytes after its end");
    return result_;
  }

 private:
  static tl::unexpected<common::Error> torn() { return fail("it is cut short"); }

  bool take(std::span<uint8_t> out) {
    if (read_(out) != out.size()) return false;
    file_.update(out);
    return true;
  }

  template <class Number>
  std::optional<Number> number() {
    std::array<uint8_t, sizeof(Number)> bytes;
    if (!take(bytes)) return std::nullopt;
    uint64_t value = 0;
    for (const uint8_t byte : bytes) value = value << 8 | byte;
    return static_cast<Number>(value);
  }

  common::Result<void> read_header() {
    std::array<uint8_t, kFixedHeaderBytes + 255> bytes;
    const std::span all(bytes);
    constexpr size_t kVersioned = 8 + 2;
    if (!take(all.first(kVersioned))) return torn();
    if (!std::equal(kMagic.begin(), kMagic.end(), bytes.begin())) return fail("it is not a shoal snapshot");
    const uint16_t version = ByteReader(all.first(kVersioned).last(2)).u16();
    if (version != kVersion) {
      return fail("it has format " + std::to_string(version) + "; this version reads format " +
                  std::to_string(kVersion));
    }
    if (!take(all.first(kFixedHeaderBytes).subspan(kVersioned))) return torn();
    const size_t name_size = bytes[kFixedHeaderBytes - 1];
    if (!take(all.subspan(kFixedHeaderBytes, name_size))) return torn();
    const ByteSpan head = ByteSpan(bytes).first(kFixedHeaderBytes + name_size);
    const auto sum = number<uint64_t>();
    if (!sum) return torn();
    if (*sum != checksum(head)) return fail("its header is damaged");
    ByteReader reader(head.subspan(kVersioned));
    SnapshotHeader& header = result_.header;
    header.identity.peer_timeout_s = reader.u32();
    header.tick = static_cast<common::Tick>(reader.u64());
    header.written_unix_ms = static_cast<int64_t>(reader.u64());
    const uint8_t held = reader.u8();
    header.held = held == 1;
    if (header.tick < 0 || header.tick > kTickMax || held > 1) return fail("its header is damaged");
    header.identity.cluster.assign(head.begin() + kFixedHeaderBytes, head.end());
    return {};
  }

  common::Result<void> read_frame(size_t raw_size) {
    const auto packed_size = number<uint32_t>();
    const auto sum = number<uint64_t>();
    if (!packed_size || !sum) return torn();
    if (raw_size > kFrameBytesMax || *packed_size > kPackedBytesMax) return fail("a frame is too large");
    packed_.resize(*packed_size);
    if (!take(packed_)) return torn();
    if (checksum(packed_) != *sum) return fail("a frame is damaged");
    frame_.resize(raw_size);
    const int size = LZ4_decompress_safe(reinterpret_cast<const char*>(packed_.data()),
                                         reinterpret_cast<char*>(frame_.data()),
                                         static_cast<int>(packed_.size()), static_cast<int>(raw_size));
    if (size < 0 || static_cast<size_t>(size) != raw_size) return fail("a frame cannot be unpacked");
    ByteReader reader(frame_);
    const auto tick = static_cast<common::Tick>(reader.u64());
    if (!reader.ok() || tick < result_.header.tick || tick > kTickMax) return fail("a frame's time is wrong");
    while (reader.ok() && reader.remaining() > 0) {
      if (!read_block(reader, tick)) return fail("a frame's content is wrong");
    }
    return {};
  }

  bool read_block(ByteReader& reader, common::Tick tick) {
    if (!proto::read_record_block(reader, block_)) return false;
    if (block_.records.front().peer.family == common::Family::web)
      return false;  // of no use, and not written
    result_.records += block_.records.size();
    visit_(result_.header, {block_.info_hash, block_.completed, tick, block_.records});
    return true;
  }

  const SnapshotSource& read_;
  const SnapshotVisit& visit_;
  Blake2b file_{kFileHashBytes};
  SnapshotRead result_;
  std::vector<uint8_t> packed_;
  std::vector<uint8_t> frame_;
  proto::RecordBlock block_;
};

}  // namespace

common::Result<SnapshotRead> read_snapshot(const SnapshotSource& read, const SnapshotVisit& visit) {
  return SnapshotDecoder(read, visit).run();
}

common::Result<void> check_snapshot_header(const SnapshotHeader& header, const SnapshotIdentity& own,
                                           common::Tick now) {
  const SnapshotIdentity& written = header.identity;
  if (written.cluster != own.cluster) {
    return fail("it belongs to cluster \"" + printable(written.cluster) + "\", this node to \"" +
                own.cluster + "\"");
  }
  if (written.peer_timeout_s != own.peer_timeout_s) {
    return fail("it was written with tracker.peer_timeout_s = " + std::to_string(written.peer_timeout_s) +
                ", now it is " + std::to_string(own.peer_timeout_s));
  }
  if (header.tick > now + common::kAheadTicks) {
    return fail("it was written in the future, by this machine's clock");
  }
  return {};
}

void append_alive(const SnapshotSwarm& swarm, common::Tick now, common::Tick behind,
                  std::vector<proto::Delta>& out) {
  for (proto::Delta delta : swarm.peers) {
    const common::Tick age = now - swarm.tick + common::stamp_age(swarm.tick, delta.stamp);
    if (age >= common::kLifetimeTicks || age < -common::kAheadTicks) continue;
    delta.stamp = common::stamp_of(delta.stamp - behind);
    out.push_back(delta);
  }
}

}  // namespace shoal::node
