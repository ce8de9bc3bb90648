// TopSwarms: the swarms with the most of something, out of any number, in bounded memory. One thread.

#pragma once

#include <cstdint>
#include <vector>

#include "proto/announce.h"

namespace shoal::node {

class TopSwarms {
 public:
  explicit TopSwarms(size_t amount) : amount_(amount) {}

  // A swarm with a score of 0 is never among them; of equal ones it is any.
  void add(const proto::ScrapedSwarm& swarm, uint64_t score);

  // At most `amount`, falling by score, then rising by info_hash. Ends the collecting.
  std::vector<proto::ScrapedSwarm> take();

 private:
  struct Scored {
    uint64_t score;
    proto::ScrapedSwarm swarm;
  };
  static bool before(const Scored& a, const Scored& b);

  const size_t amount_;
  std::vector<Scored> heap_;  // the least on top
};

}  // namespace shoal::node
