// AnnouncePolicy: decides who may announce what. Immutable: made on the control thread, shared by the
// workers, and replaced when anything changes. If nothing is forbidden there is no policy, which the workers'
// hot path checks first.

#pragma once

#include <memory>
#include <string_view>

#include "common/network.h"
#include "node/access/access_list.h"
#include "node/config/options.h"
#include "proto/announce.h"

namespace shoal::node {

// Decides which swarms are served: those on the list, or all others. The list is the file's and the feeds'
// lists with the run-time changes applied.
struct AccessRules {
  AccessMode mode = AccessMode::open;
  std::shared_ptr<const AccessList> file = std::make_shared<AccessList>();
  std::shared_ptr<const AccessList> added = std::make_shared<AccessList>();    // at run time
  std::shared_ptr<const AccessList> removed = std::make_shared<AccessList>();  // at run time
  std::shared_ptr<const AccessList> fed = std::make_shared<AccessList>();      // by access.feeds

  bool listed(const common::InfoHash& hash) const {
    return !removed->contains(hash) && (added->contains(hash) || file->contains(hash) || fed->contains(hash));
  }
  bool allows(const common::InfoHash& hash) const {
    return mode == AccessMode::open || listed(hash) == (mode == AccessMode::allow);
  }
};

// The networks whose clients are not served. Two sets, as they change apart.
struct DeniedNetworks {
  std::shared_ptr<const common::NetworkSet> listed;  // by options and files; null: none
  std::shared_ptr<const common::NetworkSet> fed;     // by access.feeds; null: none

  bool contain(const common::Endpoint& client) const {
    return (listed != nullptr && listed->contains(client)) || (fed != nullptr && fed->contains(client));
  }
  bool empty() const { return listed == nullptr && fed == nullptr; }
  // The same sets, not only sets of the same networks.
  bool operator==(const DeniedNetworks&) const = default;
};

enum class Refusal : uint8_t { none, swarm, client, network, private_address, full };
constexpr size_t kRefusals = 6;

// The failure reason for the client.
std::string_view to_string(Refusal refusal);

class AnnouncePolicy {
 public:
  AnnouncePolicy(AccessRules swarms, const Options::Access& options, DeniedNetworks denied);

  // Returns the policy, or null if it forbids nothing.
  static std::shared_ptr<const AnnouncePolicy> unless_open(AccessRules swarms, const Options::Access& options,
                                                           DeniedNetworks denied);

  // `peer` is the address that other peers would get.
  Refusal judge(const proto::AnnounceRequest& request, const common::Endpoint& peer) const;

  // What judge() says of the address alone.
  Refusal judge_address(const common::Endpoint& peer) const;

  bool allows(const common::InfoHash& hash) const { return swarms_.allows(hash); }
  bool restricts_swarms() const { return swarms_.mode != AccessMode::open; }

  // True: the client is in a denied network and gets no service at all.
  bool denies(const common::Endpoint& client) const { return denied_.contain(client); }

 private:
  bool forbids_anything() const;

  const AccessRules swarms_;
  const Options::Access options_;
  const DeniedNetworks denied_;
};

}  // namespace shoal::node
