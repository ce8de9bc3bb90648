#include "node/access/announce_policy.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "node/config/resolve_options.h"
#include "tests/unit/support/store_fixture.h"

using namespace shoal;
using node::AccessList;
using node::AccessMode;
using node::AccessRules;
using node::AnnouncePolicy;
using node::Refusal;
using test::hash_of;

namespace {

const common::Endpoint kPublic = *common::parse_address("198.51.100.7");

std::shared_ptr<const AccessList> list_of(std::vector<uint64_t> numbers) {
  std::vector<common::InfoHash> hashes;
  for (const uint64_t number : numbers) hashes.push_back(hash_of(number));
  return std::make_shared<const AccessList>(std::move(hashes));
}

proto::AnnounceRequest announce_of(uint64_t hash, const std::string& peer_id = "") {
  proto::AnnounceRequest request;
  request.info_hash = hash_of(hash);
  std::copy(peer_id.begin(), peer_id.end(), request.peer_id.begin());
  return request;
}

std::shared_ptr<const common::NetworkSet> denied_by(const node::Options::Access& options) {
  if (options.deny_networks.empty()) return nullptr;
  return std::make_shared<const common::NetworkSet>(options.deny_networks);
}

Refusal judge(const node::Options::Access& options, const proto::AnnounceRequest& request,
              const common::Endpoint& peer = kPublic) {
  return AnnouncePolicy({}, options, {denied_by(options), nullptr}).judge(request, peer);
}

}  // namespace

TEST_CASE("access rules: run-time changes override the file, in both modes") {
  // 1 and 2 from the file, 2 and 5 removed, 3 added, 4 unknown.
  AccessRules rules{AccessMode::allow, list_of({1, 2}), list_of({3}), list_of({2, 5})};
  const std::vector<bool> listed = {true, false, true, false, false};
  for (uint64_t i = 0; i < listed.size(); ++i) {
    CAPTURE(i);
    rules.mode = AccessMode::allow;
    CHECK(rules.listed(hash_of(i + 1)) == listed[i]);
    CHECK(rules.allows(hash_of(i + 1)) == listed[i]);
    rules.mode = AccessMode::deny;
    CHECK(rules.allows(hash_of(i + 1)) == !listed[i]);
    rules.mode = AccessMode::open;
    CHECK(rules.allows(hash_of(i + 1)));
  }
}

TEST_CASE("access rules: a feed is listed like the file, and run-time changes override it") {
  AccessRules rules{AccessMode::deny, list_of({1}), list_of({2}), list_of({4}), list_of({3, 4})};
  for (const uint64_t listed : {1, 2, 3}) CHECK_FALSE(rules.allows(hash_of(listed)));
  CHECK(rules.allows(hash_of(4)));
  CHECK(rules.allows(hash_of(5)));
}

TEST_CASE("policy: networks of lists and of feeds") {
  const auto set = [](const char* network) {
    return std::make_shared<const common::NetworkSet>(std::vector{*common::parse_network(network)});
  };
  const auto policy = AnnouncePolicy::unless_open({}, node::default_options().access,
                                                  {set("192.0.2.0/24"), set("10.0.0.0/8")});
  REQUIRE(policy != nullptr);
  CHECK(policy->denies(*common::parse_address("192.0.2.7")));
  CHECK(policy->denies(*common::parse_address("10.0.0.7")));
  CHECK_FALSE(policy->denies(*common::parse_address("11.0.0.7")));
  CHECK(AnnouncePolicy::unless_open({}, node::default_options().access, {nullptr, set("10.0.0.0/8")}) !=
        nullptr);
}

TEST_CASE("policy: null where nothing is forbidden") {
  CHECK(AnnouncePolicy::unless_open({}, node::default_options().access, {}) == nullptr);
  CHECK(AnnouncePolicy::unless_open({AccessMode::open, list_of({1}), list_of({2}), list_of({3})},
                                    node::default_options().access, {}) == nullptr);
  node::Options::Access options = node::default_options().access;
  options.private_addresses = false;
  CHECK(AnnouncePolicy::unless_open({}, options, {}) != nullptr);
  options = node::default_options().access;
  options.clients_deny = {"-XL"};
  CHECK(AnnouncePolicy::unless_open({}, options, {}) != nullptr);
  AccessRules allow;
  allow.mode = AccessMode::allow;
  const auto policy = AnnouncePolicy::unless_open(allow, node::default_options().access, {});
  REQUIRE(policy != nullptr);
  CHECK(policy->judge(announce_of(1), kPublic) == Refusal::swarm);
}

TEST_CASE("policy: clients by the prefix of their peer_id") {
  node::Options::Access options = node::default_options().access;
  options.clients_allow = {"-qB", "-TR4"};
  options.clients_deny = {"-qB3"};
  CHECK(judge(options, announce_of(1, "-qB4520-xxxxxxxxxxxx")) == Refusal::none);
  CHECK(judge(options, announce_of(1, "-TR4000-xxxxxxxxxxxx")) == Refusal::none);
  CHECK(judge(options, announce_of(1, "-qB3300-xxxxxxxxxxxx")) == Refusal::client);
  CHECK(judge(options, announce_of(1, "-TR3000-xxxxxxxxxxxx")) == Refusal::client);
  CHECK(judge(options, announce_of(1, "-QB4520-xxxxxxxxxxxx")) == Refusal::client);
  CHECK(judge(options, announce_of(1)) == Refusal::client);
  options.clients_allow.clear();
  CHECK(judge(options, announce_of(1)) == Refusal::none);
  CHECK(judge(options, announce_of(1, "-qB3300-xxxxxxxxxxxx")) == Refusal::client);
}

TEST_CASE("policy: networks and private addresses") {
  node::Options::Access options = node::default_options().access;
  options.deny_networks = {*common::parse_network("198.51.100.0/24"),
                           *common::parse_network("2001:db8::/32")};
  CHECK(judge(options, announce_of(1)) == Refusal::network);
  CHECK(judge(options, announce_of(1), *common::parse_address("198.51.101.7")) == Refusal::none);
  CHECK(judge(options, announce_of(1), *common::parse_address("2001:db8::1")) == Refusal::network);
  CHECK(judge(options, announce_of(1), *common::parse_address("10.0.0.1")) == Refusal::none);
  options.private_addresses = false;
  CHECK(judge(options, announce_of(1), *common::parse_address("10.0.0.1")) == Refusal::private_address);
  CHECK(judge(options, announce_of(1), *common::parse_address("198.51.101.7")) == Refusal::none);
}
