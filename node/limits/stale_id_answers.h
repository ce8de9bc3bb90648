// StaleIdAnswers: which UDP requests with an old or foreign connection id get an error, so that the client
// connects again at once instead of waiting 15 s and more. The sender's address is not proven, so the error
// must be of no use to whoever writes a victim's address on his packets: it is smaller than the request,
// there are few of them for a network and in total, and none while a flood of such requests is under way.
// Fixed size, bounded work, no allocation. One object per worker; the worker's thread only.

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "common/endpoint.h"
#include "common/siphash.h"
#include "node/limits/client_prefix.h"

namespace shoal::node {

class StaleIdAnswers {
 public:
  static constexpr uint32_t kPerS = 500;          // of this worker
  static constexpr uint32_t kPerNetworkPerS = 8;  // an IPv4 /24, an IPv6 /48; some share this
  static constexpr uint32_t kFloodPerS = 2'000;   // more such requests in this second or the last: a flood
  static constexpr size_t kNetworks = 4096;

  // To be called for every such request; true: answer it. `key`: secret, so that nobody can choose networks
  // that share a place. `now_s`: any clock.
  bool may_answer(const common::SipKey& key, const common::Endpoint& client, int64_t now_s) {
    if (now_s != second_) {
      flood_before_ = now_s == second_ + 1 && requests_ > kFloodPerS;
      second_ = now_s;
      requests_ = 0;
      answers_ = 0;
    }
    if (++requests_ > kFloodPerS || flood_before_ || answers_ >= kPerS) return false;
    return take_from_network(key, client);
  }

 private:
  // What a network has got in a second.
  struct Answered {
    uint32_t second = 0;  // the low bits
    uint32_t answers = 0;
  };

  bool take_from_network(const common::SipKey& key, const common::Endpoint& client);

  int64_t second_ = 0;
  uint32_t requests_ = 0;
  uint32_t answers_ = 0;
  bool flood_before_ = false;
  std::array<Answered, kNetworks> networks_{};
};

}  // namespace shoal::node
