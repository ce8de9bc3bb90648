// Parts of a Cluster for tests of one of them: node "a" of the cluster "test", and members that are only
// addresses. What is sent to them is opened and looked at.

#pragma once

#include <doctest/doctest.h>

#include <string>
#include <utility>
#include <vector>

#include "common/prng.h"
#include "proto/sync_packet.h"
#include "sync/arrival.h"
#include "sync/clock.h"
#include "sync/complaints.h"
#include "sync/departure.h"
#include "sync/identity.h"
#include "sync/membership.h"
#include "sync/seal.h"
#include "sync/sender.h"
#include "sync/store_ticks.h"
#include "tests/unit/support/no_swarms.h"

namespace shoal::test {

// Its records have these digests, all stamps the same cells.
struct SwarmsWithDigests : NoSwarms {
  sync::StampDigests stamp_digests() const override {
    ++stamps_read;
    return stamps;
  }
  sync::BucketDigests bucket_digests(common::Stamp) const override {
    ++buckets_read;
    return buckets;
  }
  bool nearly_full() const override { return full; }
  uint64_t record_count() const override { return records; }

  sync::StampDigests stamps{};
  sync::BucketDigests buckets{};
  bool full = false;
  uint64_t records = 0;
  mutable int stamps_read = 0;
  mutable int buckets_read = 0;
};

struct Parts {
  static constexpr int64_t kStartMs = 1'800'000'000'000;

  static sync::Config config() {
    sync::Config out;
    out.name = "a";
    out.cluster = "test";
    out.incarnation = static_cast<uint64_t>(kStartMs) << 16;
    return out;
  }

  // As of a member with this id.
  static common::Endpoint address_of(uint64_t id) {
    return common::make_endpoint_v4(0x0a000000 + static_cast<uint32_t>(id), 6970);
  }

  sync::Now now() const { return {now_us, kStartMs + now_us / 1000}; }

  sync::Member& admit(uint64_t id) {
    sync::Member* member = members.admit(id, 1, address_of(id), now_us);
    REQUIRE(member != nullptr);
    return *member;
  }

  // The messages of one type that were sent since the last call; those of other types are dropped.
  template <class Message>
  std::vector<Message> sent() {
    std::vector<Message> messages;
    for (const sync::Send& send : std::exchange(out.sends, {})) {
      const auto header = proto::parse_sync_header(*send.bytes);
      REQUIRE(header.has_value());
      const auto body = sync::open_sealed(keys, *header, *send.bytes);
      REQUIRE(body.has_value());
      const auto packet = proto::decode_sync_packet(*body);
      REQUIRE(packet.has_value());
      if (const auto* message = std::get_if<Message>(&*packet)) messages.push_back(*message);
    }
    return messages;
  }

  // Hands the message to the part as if the member had sent it.
  template <class Part, class Message>
  void receive(Part& part, sync::Member& member, const Message& message) {
    proto::SyncHeader header;
    header.node_id = member.id();
    header.incarnation = member.incarnation();
    header.stream = proto::SyncStream::control;
    header.sequence = ++sequence;
    const sync::Received datagram{member.address(), std::nullopt, {}};
    part.receive(sync::Arrival{now(), member, header, datagram}, message, out);
  }

  int64_t now_us = 1'000'000;
  uint64_t sequence = 0;
  sync::Outputs out;
  SwarmsWithDigests store;
  sync::StoreTicks swarms{store};
  common::Prng prng{1};
  sync::Complaints complaints;
  sync::Identity identity{config(), {0, kStartMs}};
  sync::KeyRing keys{{sync::insecure_key("test")}, "test"};
  sync::Membership members{1'000'000};
  int forgotten = 0;
  sync::Clock clock{identity, members, swarms, complaints, {0, kStartMs}, [this] { ++forgotten; }};
  sync::Sender sender{identity, keys, members, 0, 1'000'000};
  sync::Departure departure{sender, members};
};

}  // namespace shoal::test
