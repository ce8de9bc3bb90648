// Rows of peers in the order of their hashes, at sizes where they split into many segments and join again.

#include "node/store/sorted_peers.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <set>
#include <vector>

#include "node/store/peer_sampling.h"

using namespace shoal;
using common::Family;
using common::Prng;
using node::PeerHash;
using node::SortedPeers;

namespace {

constexpr common::Tick kNow = 118'000'000;
constexpr PeerHash kHash{0x9ddfea08eb382d69, 0xc3a5c85c97cb3127};

template <Family F>
node::PeerRecord<F> record_of(uint32_t number, common::Stamp stamp = common::stamp_of(kNow)) {
  common::Endpoint peer{F, {}, static_cast<uint16_t>(1 + number % 7)};
  const size_t last = common::address_size(F) - 4;
  for (size_t i = 0; i < 4; ++i) peer.address[last + i] = static_cast<uint8_t>(number >> (24 - 8 * i));
  return {node::key_of<F>(peer), stamp, 0};
}

template <Family F>
uint32_t number_of(const uint8_t* key) {
  const uint8_t* last = key + common::address_size(F) - 4;
  return static_cast<uint32_t>(last[0]) << 24 | static_cast<uint32_t>(last[1]) << 16 |
         static_cast<uint32_t>(last[2]) << 8 | last[3];
}

template <Family F>
uint32_t count_found(const SortedPeers<F>& peers, uint32_t numbers) {
  uint32_t found = 0;
  for (uint32_t i = 0; i < numbers; ++i) {
    const auto* record = peers.find(kHash, record_of<F>(i).key);
    if (record != nullptr && number_of<F>(record->key.data()) == i) ++found;
  }
  return found;
}

}  // namespace

TEST_CASE_TEMPLATE("sorted peers: a peer is found from its insertion to its removal", Peers,
                   SortedPeers<Family::v4>, SortedPeers<Family::v6>) {
  constexpr Family kFamily = sizeof(typename Peers::Record) == 8 ? Family::v4 : Family::v6;
  for (const uint32_t size : {1U, 2U, 100U, 512U, 513U, 5000U, 60'000U}) {
    CAPTURE(size);
    Peers peers;
    for (uint32_t i = 0; i < size; ++i) peers.insert(kHash, record_of<kFamily>(i));
    CHECK(peers.size() == size);
    CHECK(count_found(peers, size) == size);
    CHECK(peers.find(kHash, record_of<kFamily>(size).key) == nullptr);
    const size_t bytes = peers.bytes();
    if (size > 100) CHECK(bytes < size * sizeof(typename Peers::Record) * 5 / 4);
    // All but every hundredth, then all.
    for (uint32_t i = 0; i < size; ++i) {
      if (i % 100 != 0) peers.erase(kHash, peers.find(kHash, record_of<kFamily>(i).key));
    }
    const uint32_t kept = (size + 99) / 100;
    CHECK(peers.size() == kept);
    CHECK(count_found(peers, size) == kept);
    if (size > 1000) CHECK(peers.bytes() < bytes / 10);
    for (uint32_t i = 0; i < size; i += 100) peers.erase(kHash, peers.find(kHash, record_of<kFamily>(i).key));
    CHECK(peers.size() == 0);
    CHECK(peers.bytes() == 0);
  }
}

TEST_CASE("sorted peers: expiry removes exactly the old, in every segment") {
  SortedPeers<Family::v4> peers;
  constexpr uint32_t kSize = 50'000;
  for (uint32_t i = 0; i < kSize; ++i) {
    peers.insert(kHash, record_of<Family::v4>(i, common::stamp_of(i % 50 == 0 ? kNow : kNow - 20)));
  }
  const auto expire_all = [&](const node::Expiry& expiry) {
    uint64_t from = 0;
    node::WorkBound bound{UINT32_MAX};
    std::vector<node::PeerRecord<Family::v4>> gone;
    peers.erase_if([&](const node::PeerRecord<Family::v4>& record) { return expiry.expired(record.stamp); },
                   from, bound, gone);
    CHECK(from == 0);
    return gone.size();
  };
  CHECK(expire_all({kNow, kNow + 159}) == 0);
  const size_t bytes = peers.bytes();
  CHECK(expire_all({kNow, kNow + 160}) == kSize - kSize / 50);
  CHECK(count_found(peers, kSize) == kSize / 50);
  CHECK(peers.bytes() < bytes / 8);
  CHECK(expire_all({kNow, kNow + 1'000'000}) == kSize / 50);
  CHECK(peers.size() == 0);
}

TEST_CASE("sorted peers: the directory of a large swarm grows and shrinks a part at a time") {
  using Peers = SortedPeers<Family::v4>;
  Peers peers;
  uint32_t size = 0;
  uint32_t begun = 0;
  bool bounded = true;
  const auto change = [&](bool more) {
    const size_t before = peers.slots_left();
    if (more) {
      peers.insert(kHash, record_of<Family::v4>(size++));
    } else {
      --size;
      peers.erase(kHash, peers.find(kHash, record_of<Family::v4>(size).key));
    }
    const size_t after = peers.slots_left();
    if (after > before) ++begun;
    // What is left never goes at once. Growth may take the place of a smaller directory that is being made.
    bounded &= after >= before || before - after <= Peers::kSlotsPerChange;
  };
  const auto reach = [&](uint32_t target) {
    CAPTURE(target);
    begun = 0;
    while (size < target) change(true);
    while (size > target) change(false);
    CHECK(bounded);
    CHECK(count_found(peers, size) == size);
    CHECK(peers.find(kHash, record_of<Family::v4>(size).key) == nullptr);
  };
  reach(200'000);
  CHECK(begun >= 8);
  // Changes that come while the next directory is made.
  const auto reach_move = [&](bool more) {
    while (peers.slots_left() < 4 * Peers::kSlotsPerChange) change(more);
    reach(size);
  };
  reach_move(false);
  for (uint32_t i = 0; i < 3; ++i) change(true);
  reach(120'000);
  reach(10'000);
  CHECK(begun > 0);
  reach_move(true);
  reach(1'000);
  CHECK(begun > 0);
  reach(0);
  CHECK(peers.bytes() == 0);
}

TEST_CASE("sorted peers: the directory of a huge swarm shrinks also after nearly all have expired at once") {
  using Peers = SortedPeers<Family::v4>;
  constexpr uint32_t kSize = 600'000;
  constexpr uint32_t kKept = 600;
  Peers peers;
  const auto is_kept = [](uint32_t i) { return i % (kSize / kKept) == 0; };
  for (uint32_t i = 0; i < kSize; ++i) {
    peers.insert(kHash, record_of<Family::v4>(i, common::stamp_of(is_kept(i) ? kNow : kNow - 20)));
  }
  uint64_t from = 0;
  node::WorkBound bound{UINT32_MAX};
  std::vector<Peers::Record> gone;
  const node::Expiry expiry{kNow, kNow + 160};
  peers.erase_if([&](const Peers::Record& record) { return expiry.expired(record.stamp); }, from, bound,
                 gone);
  REQUIRE(peers.size() == kKept);
  const Peers::Record one = gone.front();
  for (uint32_t i = 0; i < 300; ++i) {
    peers.insert(kHash, one);
    peers.erase(kHash, peers.find(kHash, one.key));
  }
  CHECK(peers.slots_left() == 0);
  CHECK(peers.bytes() < kKept * sizeof(Peers::Record) * 5 / 4);
}

TEST_CASE("sorted peers: equal chances across hundreds of segments") {
  constexpr uint32_t kSize = 40'000;
  SortedPeers<Family::v4> peers;
  for (uint32_t i = 0; i < kSize; ++i) peers.insert(kHash, record_of<Family::v4>(i));
  Prng prng(3);
  for (const uint32_t want : {1U, 30U, 200U, 300U}) {
    CAPTURE(want);
    const auto* self = peers.find(kHash, record_of<Family::v4>(17).key);
    std::vector<uint32_t> seen(kSize);
    std::vector<uint8_t> out(want * size_t{6});
    const uint32_t rounds = 2'000'000 / want;
    bool repeated = false;
    bool complete = true;
    for (uint32_t round = 0; round < rounds; ++round) {
      complete &= peers.sample(self, want, prng, out.data()) == out.data() + out.size();
      std::set<uint32_t> once;
      for (uint32_t i = 0; i < want; ++i) {
        const uint32_t number = number_of<Family::v4>(out.data() + i * size_t{6});
        ++seen[number];
        repeated |= round < 1000 && !once.insert(number).second;
      }
    }
    CHECK(complete);
    CHECK_FALSE(repeated);
    CHECK(seen[17] == 0);
    const double expected = static_cast<double>(rounds) * want / (kSize - 1);
    double sum = 0;
    for (uint32_t i = 0; i < kSize; ++i) {
      if (i != 17) sum += (seen[i] - expected) * (seen[i] - expected) / expected;
    }
    // Runs of eight neighbours widen the spread of chi-square by less than eight.
    CHECK(sum < kSize + 6 * std::sqrt(2.0 * kSize * 8));
    CHECK(sum > kSize - 6 * std::sqrt(2.0 * kSize * 8));
  }
}

TEST_CASE("peer sampling: picks are distinct, in range and as many as requested") {
  Prng prng(5);
  for (uint32_t count = 0; count <= 40; ++count) {
    for (uint32_t want = 0; want <= count; ++want) {
      for (const uint32_t run : {1U, 4U, 8U}) {
        std::set<uint32_t> picked;
        uint32_t picks = 0;
        node::sample_circle(count, want, run, prng, [&](uint32_t first, uint32_t length) {
          for (uint32_t i = first; i < first + length; ++i) picked.insert(i);
          picks += length;
        });
        const bool good =
            picks == want && picked.size() == want && (picked.empty() || *picked.rbegin() < count);
        if (!good) FAIL(count, " ", want, " ", run);
      }
    }
  }
}

TEST_CASE("peer sampling: shares never exceed a class and are fair on average") {
  Prng prng(6);
  for (const auto& [want, first, second] :
       {std::array{30U, 10U, 50U}, {3U, 1U, 999U}, {60U, 10U, 50U}, {0U, 0U, 0U}}) {
    uint64_t sum = 0;
    for (int i = 0; i < 20'000; ++i) {
      const uint32_t share = node::share_of_first(want, first, second, prng);
      if (share > first || want - share > second) FAIL(want, " ", share);
      sum += share;
    }
    if (want > 0)
      CHECK(static_cast<double>(sum) / 20'000 ==
            doctest::Approx(want * double(first) / (first + second)).epsilon(0.1));
  }
}

namespace {

// How many numbers `after` has drawn since it was `before`; at most `most`.
uint64_t draws_between(Prng before, Prng after, uint64_t most) {
  std::array<uint64_t, 4> next;
  for (uint64_t& number : next) number = after.next();
  std::array<uint64_t, 4> window;
  for (uint64_t& number : window) number = before.next();
  uint64_t draws = 0;
  for (; window != next && draws < most; ++draws) {
    std::rotate(window.begin(), window.begin() + 1, window.end());
    window.back() = before.next();
  }
  return draws;
}

// The leading bits of a peer's hash: what somebody would know who has sorted the swarm by its answers.
template <Family F>
uint64_t prefix_of(uint32_t number, int bits) {
  return kHash(record_of<F>(number).key) >> (64 - bits);
}

}  // namespace

TEST_CASE("sorted peers: a swarm left with the peers of one segment is sampled as fast as any") {
  constexpr uint32_t kSize = 950'000;
  constexpr uint64_t kDrawsMax = 4096;
  SortedPeers<Family::v4> peers;
  for (uint32_t i = 0; i < kSize; ++i) peers.insert(kHash, record_of<Family::v4>(i));
  for (uint32_t i = 0; i < kSize; ++i) {
    if (prefix_of<Family::v4>(i, 11) != 1234) {
      peers.erase(kHash, peers.find(kHash, record_of<Family::v4>(i).key));
    }
  }
  REQUIRE(peers.size() > 300);
  Prng prng(5);
  std::map<uint32_t, uint32_t> seen;
  constexpr uint32_t kWant = 30;
  constexpr uint32_t kRounds = 20'000;
  std::array<uint8_t, kWant * 6> out;
  uint64_t most = 0;
  for (uint32_t round = 0; round < kRounds; ++round) {
    const Prng before = prng;
    REQUIRE(peers.sample(nullptr, kWant, prng, out.data()) == out.data() + out.size());
    most = std::max(most, draws_between(before, prng, 1'000'000));
    for (uint32_t i = 0; i < kWant; ++i) ++seen[number_of<Family::v4>(out.data() + i * size_t{6})];
  }
  CHECK(most <= kDrawsMax);
  CHECK(seen.size() == peers.size());
  const double expected = static_cast<double>(kRounds) * kWant / peers.size();
  double sum = 0;
  for (const auto& [number, times] : seen) sum += (times - expected) * (times - expected) / expected;
  const double size = peers.size();
  CHECK(sum < size + 6 * std::sqrt(2.0 * size * 8));
}

TEST_CASE("sorted peers: whoever knows every hash makes a deep directory, and no slow answer") {
  // Peers whose hashes share 19 bits, as somebody would choose them who had the key, among 20,000 others.
  SortedPeers<Family::v6> peers;
  uint32_t number = 0;
  for (; number < 20'000; ++number) peers.insert(kHash, record_of<Family::v6>(number));
  for (uint32_t chosen = 0; chosen < 560; ++number) {
    if (prefix_of<Family::v6>(number, 16) != 7) continue;
    peers.insert(kHash, record_of<Family::v6>(number));
    ++chosen;
  }
  Prng prng(5);
  uint64_t most = 0;
  for (const uint32_t want : {8U, 50U, 200U}) {
    std::vector<uint8_t> out(want * size_t{18});
    for (uint32_t round = 0; round < 1000; ++round) {
      const Prng before = prng;
      REQUIRE(peers.sample(nullptr, want, prng, out.data()) == out.data() + out.size());
      most = std::max(most, draws_between(before, prng, 100'000));
    }
  }
  CHECK(most <= 4096);
}
