// Strangers: senders of sync datagrams that this node cannot open or read. For people only: the address of a
// datagram proves nothing, so nothing else depends on it. Bounded; pure.

#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>

#include "common/endpoint.h"
#include "sync/keys.h"

namespace shoal::sync {

// Why datagrams are not understood.
enum class Strangeness : uint8_t {
  other_key,      // sealed with a key that this node lacks
  altered,        // this node holds the key, but it does not open them
  other_cluster,  // of another sync.cluster
  other_version,  // of another major version of the protocol
};

struct Stranger {
  Strangeness kind = Strangeness::other_key;
  KeyId key_id{};          // in the newest datagram; not for other_version
  uint8_t major = 0;       // other_version: which
  bool named = false;      // the address is in sync.peers
  uint64_t datagrams = 0;  // since it was first heard
  int64_t heard_us = 0;
};

// What is wrong with it: "seals with key 47bb0aa6 that this node lacks".
std::string to_text(const Stranger& stranger);

class Strangers {
 public:
  static constexpr size_t kMax = 64;
  static constexpr int64_t kForgetAfterUs = 60'000'000;

  // A datagram came from there; `stranger` says what it was. When there is no room, the one silent for
  // longest goes, but none that is named: anyone can make up addresses.
  void heard(const common::Endpoint& from, Stranger stranger);

  // Null: nothing lately.
  const Stranger* find(const common::Endpoint& from) const;

  void forget(int64_t now_us);

  const std::map<common::Endpoint, Stranger>& all() const { return all_; }

 private:
  std::map<common::Endpoint, Stranger> all_;
};

}  // namespace shoal::sync
