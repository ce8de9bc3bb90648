// Departure: this node leaves in good order: it tells the others, again and again, until every member that is
// up knows it and has everything this node sent. Members that are refused are told, too.

#pragma once

#include <cstdint>

#include "sync/sender.h"

namespace shoal::sync {

class Departure {
 public:
  // The references must outlive it.
  Departure(Sender& sender, const Membership& members) : sender_(sender), members_(members) {}

  void begin() { left_ = true; }
  bool left() const { return left_; }

  // After begin(): nobody is left to be told.
  bool complete(Now now) const;

  // Tells the members that do not know it yet. Returns when to do so again: far in the future if all know.
  int64_t announce(Now now, Outputs& out);

  // `entry` is what the member says about this node.
  void hear(Member& member, const proto::MemberEntry& entry);

 private:
  bool must_know(const Member& member, int64_t now_us) const;

  Sender& sender_;
  const Membership& members_;
  bool left_ = false;
};

}  // namespace shoal::sync
