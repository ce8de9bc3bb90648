// Shared by the tests of the swarm store: short ways to announce and to see what a store holds.

#pragma once

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <tuple>
#include <utility>
#include <vector>

#include "common/web_address.h"
#include "node/store/swarm_store.h"

namespace shoal::test {

inline common::InfoHash hash_of(uint64_t number) {
  common::InfoHash hash;
  common::Prng prng(number);
  for (uint8_t& byte : hash.bytes) byte = static_cast<uint8_t>(prng.next());
  return hash;
}

inline common::Endpoint v4_peer(uint32_t number) {
  return common::make_endpoint_v4(0x0a000000 + number, static_cast<uint16_t>(1 + number % 65535));
}

inline common::Endpoint v6_peer(uint32_t number) {
  common::Endpoint peer{common::Family::v6, {0x20, 0x01, 0x0d, 0xb8}, 6881};
  for (int i = 0; i < 4; ++i) peer.address[12 + i] = static_cast<uint8_t>(number >> (24 - 8 * i));
  return peer;
}

// Of one of three runs.
inline common::Endpoint web_peer(uint32_t number) {
  return common::to_endpoint({uint64_t{0x0199aabbccdd0000} + number % 3, common::web_connection(1, number)});
}

inline std::unique_ptr<node::SwarmStore> make_store(bool replicated) {
  return std::make_unique<node::SwarmStore>(node::SwarmStore::Config{.key = {7}, .replicated = replicated});
}

// Drops a swarm, to the end. Returns whether it was there.
inline bool drop(node::SwarmStore& store, const common::InfoHash& hash) {
  for (size_t swarms = 0;;) {
    const node::SwarmsDropped part = store.drop_part(hash);
    swarms += part.swarms;
    if (part.finished) return swarms > 0;
  }
}

// Drops the swarms of a shard for which `which` is true. Returns how many.
template <class Which>
size_t drop_if(node::SwarmStore& store, size_t shard, const Which& which) {
  uint32_t below = node::SwarmStore::kAllSwarms;
  for (size_t swarms = 0;;) {
    const node::SwarmsDropped part = store.drop_part_if(shard, below, which);
    swarms += part.swarms;
    if (part.finished) return swarms;
  }
}

struct Ask {
  uint64_t hash = 0;
  common::Endpoint peer;
  proto::Event event = proto::Event::none;
  bool seeder = false;
  uint32_t want = 50;  // of each family
};

struct Reply {
  node::PeerAnswer answer;
  std::vector<common::Endpoint> peers;  // IPv4, then IPv6, in the order of the answer; or web peers
};

inline Reply announce_web(node::SwarmStore& store, const Ask& ask, common::Moment now, common::Prng& prng) {
  std::vector<uint8_t> web(ask.want * size_t{18});
  const common::InfoHash hash = hash_of(ask.hash);
  Reply reply;
  reply.answer =
      store.announce_web(store.locate_web(hash), {hash, ask.peer, ask.event, ask.seeder, 0, 0, ask.want}, now,
                         prng, {{}, {}, web});
  for (uint32_t i = 0; i < reply.answer.peers_web; ++i) {
    common::Endpoint& peer = reply.peers.emplace_back(common::Endpoint{common::Family::web, {}, 1});
    std::copy_n(web.data() + i * 18, 16, peer.address.data());
  }
  return reply;
}

inline Reply announce(node::SwarmStore& store, const Ask& ask, common::Moment now, common::Prng& prng) {
  if (ask.peer.family == common::Family::web) return announce_web(store, ask, now, prng);
  // Exactly the room the contract asks for, so that a sanitizer sees a byte too many.
  std::vector<uint8_t> v4(ask.want * size_t{6});
  std::vector<uint8_t> v6(ask.want * size_t{18});
  const common::InfoHash hash = hash_of(ask.hash);
  Reply reply;
  reply.answer = store.announce(
      store.locate(hash), {hash, ask.peer, ask.event, ask.seeder, ask.want, ask.want}, now, prng, {v4, v6});
  for (const auto& [bytes, count, size] : {std::tuple(&v4, reply.answer.peers_v4, size_t{6}),
                                           std::tuple(&v6, reply.answer.peers_v6, size_t{18})}) {
    for (size_t i = 0; i < count; ++i) {
      const uint8_t* at = bytes->data() + i * size;
      const auto port = static_cast<uint16_t>(at[size - 2] << 8 | at[size - 1]);
      reply.peers.push_back(common::make_endpoint({at, size - 2}, port));
    }
  }
  return reply;
}

inline Reply announce(node::SwarmStore& store, const Ask& ask, common::Tick now, common::Prng& prng) {
  return announce(store, ask, common::Moment::begin_of(now), prng);
}

inline Reply announce(node::SwarmStore& store, const Ask& ask, common::Moment now) {
  common::Prng prng(1);
  return announce(store, ask, now, prng);
}

inline Reply announce(node::SwarmStore& store, const Ask& ask, common::Tick now) {
  return announce(store, ask, common::Moment::begin_of(now));
}

inline proto::SwarmCounts scrape(const node::SwarmStore& store, uint64_t hash) {
  return store.scrape(store.locate(hash_of(hash)), hash_of(hash));
}

inline proto::SwarmCounts scrape_web(const node::SwarmStore& store, uint64_t hash) {
  return store.scrape_web(store.locate_web(hash_of(hash)), hash_of(hash));
}

inline void expire_all(node::SwarmStore& store, common::Tick now) {
  for (size_t shard = 0; shard < node::SwarmStore::kShards; ++shard) store.expire_shard(shard, now);
}

using Content = std::map<std::pair<common::InfoHash, common::Endpoint>, proto::Delta>;

// Every record, by its key.
inline Content content(const node::SwarmStore& store) {
  Content all;
  for (size_t shard = 0; shard < node::SwarmStore::kShards; ++shard) {
    store.for_each(shard, [&](const proto::Delta& delta) { all[{delta.info_hash, delta.peer}] = delta; });
  }
  return all;
}

inline std::optional<proto::Delta> record_of(const node::SwarmStore& store, uint64_t hash,
                                             const common::Endpoint& peer) {
  const Content all = content(store);
  const auto at = all.find({hash_of(hash), peer});
  return at == all.end() ? std::nullopt : std::optional(at->second);
}

}  // namespace shoal::test
