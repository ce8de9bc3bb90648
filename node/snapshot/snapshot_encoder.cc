#include <algorithm>
#include <utility>

#include "common/check.h"
#include "node/snapshot/snapshot_format.h"
#include "node/snapshot/snapshot_layout.h"
#include "proto/record_blocks.h"

namespace shoal::node {

using common::ByteSpan;
using common::ByteWriter;
using namespace snapshot;

namespace {

// Appends numbers and bytes to a vector. ByteWriter would need to know the size in advance.
class Appender {
 public:
  explicit Appender(std::vector<uint8_t>& out) : out_(out) {}
  void bytes(ByteSpan bytes) { out_.insert(out_.end(), bytes.begin(), bytes.end()); }
  template <class Number>
  void number(Number value) {
    for (int shift = 8 * (static_cast<int>(sizeof value) - 1); shift >= 0; shift -= 8) {
      out_.push_back(static_cast<uint8_t>(static_cast<uint64_t>(value) >> shift));
    }
  }

 private:
  std::vector<uint8_t>& out_;
};

std::vector<uint8_t> header_bytes(const SnapshotHeader& header) {
  const std::string& name = header.identity.cluster;
  CHECK_INVARIANT(name.size() <= 255);
  std::vector<uint8_t> out(kMagic.begin(), kMagic.end());
  Appender to(out);
  to.number(kVersion);
  to.number(header.identity.peer_timeout_s);
  to.number(header.tick);
  to.number(header.written_unix_ms);
  to.number(static_cast<uint8_t>(header.held));
  to.number(static_cast<uint8_t>(name.size()));
  out.insert(out.end(), name.begin(), name.end());
  to.number(checksum(out));
  return out;
}

}  // namespace

struct SnapshotEncoder::Impl {
  Write write;
  Blake2b file{kFileHashBytes};
  std::vector<uint8_t> frame;
  std::vector<uint8_t> packed;
  common::Tick frame_tick = 0;
  uint64_t records = 0;
  bool ok = true;

  bool put(ByteSpan bytes) {
    file.update(bytes);
    ok = ok && write(bytes);
    return ok;
  }

  bool close_frame() {
    if (frame.empty()) return ok;
    constexpr size_t kHead = 4 + 4 + kSumBytes;
    packed.resize(kHead + kPackedBytesMax);
    const int size = LZ4_compress_default(reinterpret_cast<const char*>(frame.data()),
                                          reinterpret_cast<char*>(packed.data() + kHead),
                                          static_cast<int>(frame.size()), static_cast<int>(kPackedBytesMax));
    CHECK_INVARIANT(size > 0);
    ByteWriter head(std::span<uint8_t>(packed).first(kHead));
    head.u32(static_cast<uint32_t>(frame.size()));
    head.u32(static_cast<uint32_t>(size));
    head.u64(checksum(ByteSpan(packed).subspan(kHead, static_cast<size_t>(size))));
    frame.clear();
    return put(ByteSpan(packed).first(kHead + static_cast<size_t>(size)));
  }
};

SnapshotEncoder::SnapshotEncoder(const SnapshotHeader& header, Write write)
    : impl_(std::make_unique<Impl>(Impl{.write = std::move(write), .frame = {}, .packed = {}})) {
  impl_->put(header_bytes(header));
}

SnapshotEncoder::~SnapshotEncoder() = default;

uint64_t SnapshotEncoder::records() const { return impl_->records; }

bool SnapshotEncoder::add(const SnapshotSwarm& swarm) {
  for (size_t at = 0; at < swarm.peers.size(); at += proto::kRecordBlockMax) {
    std::vector<uint8_t>& frame = impl_->frame;
    if (frame.size() > kFrameBytes || impl_->frame_tick != swarm.tick) {
      if (!impl_->close_frame()) return false;
    }
    if (frame.empty()) {
      Appender(frame).number(swarm.tick);
      impl_->frame_tick = swarm.tick;
    }
    const auto peers = swarm.peers.subspan(at, std::min(proto::kRecordBlockMax, swarm.peers.size() - at));
    proto::append_record_block(swarm.completed, peers, frame);
    impl_->records += peers.size();
  }
  return impl_->ok;
}

bool SnapshotEncoder::finish() {
  if (!impl_->close_frame()) return false;
  std::vector<uint8_t> end;
  Appender to(end);
  to.number(uint32_t{0});
  to.number(impl_->records);
  if (!impl_->put(end)) return false;
  return impl_->write(impl_->file.final<kFileHashBytes>());
}

}  // namespace shoal::node
