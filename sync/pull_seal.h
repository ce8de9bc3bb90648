// How the frames of an answer to a pull are sealed.
//
// As datagrams are (sync/seal.h), with a nonce of the donor's id and incarnation and a sequence that only
// counts up, over all of its answers. The additional data binds a frame to the request and to its place in
// the answer: frames do not open if they are of another answer, out of order, or follow a missing one.

#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "common/bytes.h"
#include "proto/sync_header.h"
#include "sync/keys.h"

namespace shoal::sync {

using Nonce = std::array<uint8_t, proto::kSyncNonceSize>;

struct PullSeal {
  SealingKey key;   // the one that sealed the request
  Nonce request{};  // its nonce
  uint64_t donor = 0;
  uint64_t incarnation = 0;  // of the donor
};

constexpr size_t kSealedFrameHead = 8;  // the sequence

// The nonce of a sealed packet.
Nonce nonce_of(common::ByteSpan packet);

// Appends the sealed frame: stream and sequence (8 bytes), ciphertext, tag. No `sequence` is used twice.
void seal_frame(const PullSeal& seal, uint64_t sequence, uint32_t index, common::ByteSpan frame,
                std::vector<uint8_t>& out);

// Nothing if it is not the frame of this index of the answer to this request.
std::optional<std::vector<uint8_t>> open_frame(const PullSeal& seal, uint32_t index, common::ByteSpan sealed);

}  // namespace shoal::sync
