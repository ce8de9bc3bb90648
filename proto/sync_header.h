// The clear header of a sync datagram: which cluster, which key, whose packet, and the nonce.
//
//    0  "shl"          3
//    3  major          1   kSyncMajor
//    4  cluster tag    4   hash of the cluster name: distinguishes another cluster from a wrong key
//    8  key id         4   identifies the key that opens it
//   12  node id        8   from here the nonce of XChaCha20-Poly1305, 24 bytes
//   20  incarnation    8
//   28  stream         1
//   29  sequence       7   per stream, from 1
//   36  ciphertext and its 16-byte tag; the header is the additional data
//
// Integers are big-endian. Nothing in it can be trusted before the ciphertext has been opened.

#pragma once

#include <array>
#include <cstdint>
#include <tl/expected.hpp>

#include "common/bytes.h"

namespace shoal::proto {

constexpr std::array<uint8_t, 3> kSyncMagic = {'s', 'h', 'l'};
constexpr uint8_t kSyncMajor = 1;  // nodes of different major versions do not understand each other
extern const uint8_t kSyncMinor;   // sent in heartbeats, for people; the build may set it (SHOAL_SYNC_MINOR)
constexpr size_t kSyncDatagramMax =
    1200;  // of IP and UDP 48 bytes more at most: passes every path, from 1280 on
constexpr size_t kSyncHeaderSize = 36;
constexpr size_t kSyncNonceOffset = 12;
constexpr size_t kSyncNonceSize = 24;
constexpr size_t kSyncTagSize = 16;

// Bytes of the sealed body.
constexpr size_t kSyncBodyMax = kSyncDatagramMax - kSyncHeaderSize - kSyncTagSize;

// A request goes by TCP, behind two bytes of length.
constexpr size_t kSyncRequestMax = 65'535;
constexpr size_t kSyncRequestBodyMax = kSyncRequestMax - kSyncHeaderSize - kSyncTagSize;

constexpr uint64_t kSyncSequenceMax = (uint64_t{1} << 56) - 1;

enum class SyncStream : uint8_t {
  deltas = 0,    // contiguous per origin and incarnation: gaps are losses
  control = 1,   // heartbeats and the like: each is complete by itself
  requests = 2,  // for pulls, by TCP
  answers = 3,   // frames of pulls, which do not have this header
};

struct SyncHeader {
  std::array<uint8_t, 4> cluster_tag{};
  std::array<uint8_t, 4> key_id{};
  uint64_t node_id = 0;
  uint64_t incarnation = 0;
  SyncStream stream = SyncStream::deltas;
  uint64_t sequence = 0;
  bool operator==(const SyncHeader&) const = default;
};

enum class SyncHeaderFault {
  malformed,
  other_major,  // a shoal datagram of another protocol version
};

constexpr size_t kSyncStreams = 4;

// Of a whole datagram, or request. Also refuses sizes that no sealed one has.
tl::expected<SyncHeader, SyncHeaderFault> parse_sync_header(common::ByteSpan datagram,
                                                            size_t size_max = kSyncDatagramMax);

std::array<uint8_t, kSyncHeaderSize> make_sync_header(const SyncHeader& header);

}  // namespace shoal::proto
