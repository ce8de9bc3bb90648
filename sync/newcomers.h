// Newcomers: incarnations that have been heard and are not trusted yet (sync/trust.h). Bounded; pure.

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "common/endpoint.h"
#include "proto/sync_header.h"
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

  // Addresses at which one newcomer is challenged, at most. None of them keeps another from its turn.
  static constexpr size_t kAddressesMax = 4;

  // An echo of an older secret proves nothing: somebody may have held it back, and its clock is of then.
  static constexpr int64_t kSecretUs = 2'000'000;

  struct Challenged {
    common::Endpoint at;
    int64_t last_us = 0;
    int64_t next_us = 0;
  };

  // The challenge that this echo, which came from `from`, answers; null: none.
  const Challenged* reached_at(const proto::ChallengeEcho& echo, const common::Endpoint& from,
                               int64_t now_us) const;

  // What is known of this address; the one challenged longest ago makes room. Null: it is not its turn yet.
  Challenged* turn_of(const common::Endpoint& at, int64_t now_us);

  bool is_challenged_at(const common::Endpoint& at) const;

  // The packet is none of its older ones. Only such a one shows where it is now: whoever has recorded others
  // can play them from anywhere.
  bool is_newest(proto::SyncStream stream, uint64_t sequence) {
    uint64_t& newest = newest_sequences[static_cast<size_t>(stream)];
    if (sequence < newest) return false;
    newest = sequence;
    return true;
  }

  proto::ChallengeNonce secret{};  // of the challenges sent to it
  int64_t secret_us = 0;           // when it was drawn
  std::array<uint64_t, proto::kSyncStreams> newest_sequences{};
  std::vector<Challenged> challenged;
  int64_t first_us = 0;
  int64_t heard_us = 0;
  int64_t next_claim_us = 0;  // it is not challenged before
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

  // Challenges to one address of a newcomer, and echoes to it, are at least this far apart.
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
