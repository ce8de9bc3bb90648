// Newcomers: incarnations that have been heard and are not trusted yet (sync/trust.h). Bounded; pure.

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <utility>

#include "common/endpoint.h"
#include "proto/sync_packet.h"

namespace shoal::sync {

struct Newcomer {
  // A heartbeat, and how it came.
  struct Said {
    uint64_t sequence;
    common::Endpoint from;
    std::optional<size_t> group;
    proto::Heartbeat heartbeat;
  };

  // Where the challenge was sent that this echo, which came from `from`, answers; nothing: it answers none.
  std::optional<common::Endpoint> reached_at(const proto::ChallengeEcho& echo,
                                             const common::Endpoint& from) const;

  proto::ChallengeNonce secret{};                 // of the challenges sent to it
  std::optional<common::Endpoint> challenged_at;  // last
  int64_t first_us = 0;
  int64_t heard_us = 0;
  int64_t challenged_us = 0;  // last
  int64_t next_challenge_us = 0;
  int64_t next_echo_us = 0;
  std::optional<Said> said;      // its newest heartbeat, to be received once it is trusted
  std::optional<uint64_t> base;  // its delta packets after this one count as missing
};

class Newcomers {
 public:
  static constexpr size_t kMax = 64;
  static constexpr int64_t kForgetAfterUs = 10'000'000;

  // One that has had this long to answer makes room for another.
  static constexpr int64_t kPatienceUs = 1'000'000;

  // Challenges, and echoes, to one newcomer are at least this far apart.
  static constexpr int64_t kEveryUs = 100'000;

  // The newcomer of this id and incarnation; if it was not known, a new one with this secret. Null: no room.
  Newcomer* note(uint64_t id, uint64_t incarnation, const proto::ChallengeNonce& secret, int64_t now_us);

  void erase(uint64_t id, uint64_t incarnation) { all_.erase({id, incarnation}); }
  void forget(int64_t now_us);

  std::map<std::pair<uint64_t, uint64_t>, Newcomer>& all() { return all_; }
  const std::map<std::pair<uint64_t, uint64_t>, Newcomer>& all() const { return all_; }
  size_t size() const { return all_.size(); }

 private:
  std::map<std::pair<uint64_t, uint64_t>, Newcomer> all_;
};

}  // namespace shoal::sync
