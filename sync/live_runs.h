// LiveRuns: the runs of nodes whose web peers there may be: this one's, and those of members that are up. A
// web peer is a connection to a node: it ends with the run of that node, and can be reached only by that
// node.

#pragma once

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <vector>

#include "sync/membership.h"
#include "sync/outputs.h"

namespace shoal::sync {

class LiveRuns {
 public:
  explicit LiveRuns(uint64_t own) : own_(own), runs_{own} {}

  bool contains(uint64_t run) const { return std::binary_search(runs_.begin(), runs_.end(), run); }

  // Looks at the members anew; tells which runs have ended, or are not heard any more.
  void update(const Membership& members, int64_t now_us, Outputs& out) {
    std::vector<uint64_t> next{own_};
    next.reserve(1 + members.all().size());
    for (const auto& [id, member] : members.all()) {
      if (member.liveness(now_us) != Liveness::down && !member.refused())
        next.push_back(member.incarnation());
    }
    std::sort(next.begin(), next.end());
    std::set_difference(runs_.begin(), runs_.end(), next.begin(), next.end(),
                        std::back_inserter(out.runs_gone));
    runs_ = std::move(next);
  }

 private:
  const uint64_t own_;
  std::vector<uint64_t> runs_;  // ascending
};

}  // namespace shoal::sync
