// Membership: the table of members, and addresses where there may be more of them.
//
// A node becomes a member only by an authentic packet of its own, never by hearsay: what others say about it
// only makes its address a contact, which is sent heartbeats for a while.

#pragma once

#include <cstdint>
#include <map>

#include "common/endpoint.h"
#include "sync/member.h"

namespace shoal::sync {

class Membership {
 public:
  static constexpr size_t kMembersMax = 256;
  static constexpr size_t kContactsMax = 256;

  // A down member is forgotten after this long.
  static constexpr int64_t kForgetAfterUs = 3'600'000'000;

  // An address learnt from others is tried for this long after it was last named.
  static constexpr int64_t kContactUs = 10'000'000;

  explicit Membership(int64_t pace_bytes_per_s) : pace_bytes_per_s_(pace_bytes_per_s) {}

  // Of members to come.
  void set_pace(int64_t pace_bytes_per_s) { pace_bytes_per_s_ = pace_bytes_per_s; }

  Member* find(uint64_t id);

  // A new member, or the next incarnation of a known one. It is reached at `at`. Null: the table is full of
  // members that are not down. Pointers stay valid until the member is forgotten, which only admit() and
  // forget() do.
  Member* admit(uint64_t id, uint64_t incarnation, const common::Endpoint& at, int64_t now_us);

  // This node stood still for `stall_us`, which is nobody's silence.
  void excuse(int64_t stall_us);

  // Drops members that have been down for long, and contacts not named recently.
  void forget(int64_t now_us);

  // True if the address was no contact before. The oldest contact makes room.
  bool add_contact(const common::Endpoint& address, int64_t now_us);

  // Some member that is not down is reached there.
  bool covers(const common::Endpoint& address, int64_t now_us) const;

  // Some member that may hear us exchanges deltas with us.
  bool any_peer(int64_t now_us) const;

  std::map<uint64_t, Member>& all() { return members_; }
  const std::map<uint64_t, Member>& all() const { return members_; }
  const std::map<common::Endpoint, int64_t>& contacts() const { return contacts_; }

 private:
  int64_t pace_bytes_per_s_;
  std::map<uint64_t, Member> members_;
  std::map<common::Endpoint, int64_t> contacts_;  // address -> when it was last named
};

}  // namespace shoal::sync
