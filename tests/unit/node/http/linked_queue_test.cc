#include "node/http/linked_queue.h"

#include <doctest/doctest.h>

#include <array>
#include <cstddef>

using namespace shoal::node;

namespace {

struct Queued {
  QueueLink<Queued> first;
  QueueLink<Queued> second;
};

}  // namespace

TEST_CASE("linked queue: first in, first out, and out of the middle") {
  std::array<Queued, 4> items;
  LinkedQueue<Queued, &Queued::first> queue;
  CHECK(queue.empty());
  for (Queued& item : items) queue.push_back(item);
  queue.remove(items[1]);
  CHECK(!items[1].first.linked);
  queue.remove(items[1]);  // in none: nothing happens
  queue.push_back(items[1]);
  for (const size_t expected : {size_t{0}, size_t{2}, size_t{3}, size_t{1}}) {
    REQUIRE(queue.front() == &items[expected]);
    queue.remove(items[expected]);
  }
  CHECK(queue.empty());
}

TEST_CASE("linked queue: one object may be in several") {
  Queued item;
  LinkedQueue<Queued, &Queued::first> one;
  LinkedQueue<Queued, &Queued::second> other;
  one.push_back(item);
  other.push_back(item);
  one.remove(item);
  CHECK(one.empty());
  CHECK(other.front() == &item);
}
