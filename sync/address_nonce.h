// The nonce of a challenge that is sent to one address: a node that answers it has received it at that
// address. So one secret is enough for any number of addresses.

#pragma once

#include <array>

#include "common/bytes.h"
#include "common/endpoint.h"
#include "common/prng.h"
#include "common/siphash.h"
#include "proto/sync_packet.h"

namespace shoal::sync {

inline proto::ChallengeNonce random_nonce(common::Prng& prng) {
  proto::ChallengeNonce nonce;
  common::ByteWriter writer(nonce);
  writer.u64(prng.next());
  writer.u64(prng.next());
  return nonce;
}

inline proto::ChallengeNonce nonce_at(const proto::ChallengeNonce& secret, const common::Endpoint& to) {
  std::array<uint8_t, 19> text{};
  std::copy(to.address.begin(), to.address.end(), text.begin());
  text[16] = static_cast<uint8_t>(to.port >> 8);
  text[17] = static_cast<uint8_t>(to.port);
  proto::ChallengeNonce nonce;
  common::ByteWriter writer(nonce);
  for (text[18] = 0; text[18] < 2; ++text[18]) writer.u64(common::siphash(secret, text));
  return nonce;
}

}  // namespace shoal::sync
