// Sealing: XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha) over a packet body, with the clear header of
// proto/sync_header.h as additional data and nonce.
//
// A nonce is never used twice under one key: it consists of node id, incarnation (one per run) and a sequence
// that only counts up, also when keys change.

#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "common/bytes.h"
#include "proto/sync_header.h"
#include "sync/keys.h"

namespace shoal::sync {

using SealedPacket = std::shared_ptr<const std::vector<uint8_t>>;

// Seals the packets of one node in one incarnation, always by the current sealing key of `keys`, which must
// outlive it.
class Sealer {
 public:
  Sealer(const KeyRing& keys, ClusterTag tag, uint64_t node_id, uint64_t incarnation)
      : keys_(keys), tag_(tag), node_id_(node_id), incarnation_(incarnation) {}

  // A whole datagram with the next sequence of the stream; `body` is at most proto::kSyncBodyMax bytes, of a
  // request kSyncRequestBodyMax.
  SealedPacket seal(proto::SyncStream stream, common::ByteSpan body);

  // Of the last packet sealed for the stream; 0: none yet.
  uint64_t sequence(proto::SyncStream stream) const { return sequences_[static_cast<size_t>(stream)]; }

 private:
  const KeyRing& keys_;
  ClusterTag tag_;
  uint64_t node_id_;
  uint64_t incarnation_;
  uint64_t sequences_[proto::kSyncStreams] = {};
};

// The same packet under another key: same stream, sequence and body, so that neither key ever seals two
// bodies with one nonce. A key of `opens` must open it.
SealedPacket reseal(const SealedPacket& packet, const KeyRing& opens, const SealingKey& key);

// The body of a datagram whose header has been parsed, or nothing if no key of the ring opens it.
std::optional<std::vector<uint8_t>> open_sealed(const KeyRing& keys, const proto::SyncHeader& header,
                                                common::ByteSpan datagram);

}  // namespace shoal::sync
