#include "node/net/resolver.h"

#include <algorithm>
#include <string>
#include <utility>

#include "common/check.h"
#include "common/log.h"
#include "node/net/socket_address.h"
#include "node/os/monotonic.h"

namespace shoal::node {

using common::Endpoint;
using common::log_line;
using common::LogLevel;

namespace {

constexpr uint64_t kIntervalMs = 60'000;
constexpr uint64_t kFirstRetryMs = 1'000;
constexpr size_t kAddressesMax = 64;  // per name

// A name that does not resolve for this long is logged as a warning.
constexpr int64_t kPatienceMs = 10'000;

}  // namespace

Resolver::Resolver(uv_loop_t* loop, common::Family family, std::vector<HostPort> peers, Resolved resolved)
    : loop_(loop),
      family_(family),
      timer_(loop, [this] { look_up_all(); }),
      retry_ms_(kFirstRetryMs),
      resolved_(std::move(resolved)) {
  replace_peers(std::move(peers));
  timer_.start(0);
}

Resolver::~Resolver() = default;

// REQUIRES: pending_ == 0. libuv holds pointers to pending lookups.
void Resolver::replace_peers(std::vector<HostPort> peers) {
  std::vector<Lookup> before = std::move(lookups_);
  lookups_ = std::vector<Lookup>(peers.size());
  for (size_t i = 0; i < peers.size(); ++i) {
    Lookup& lookup = lookups_[i];
    lookup.owner = this;
    lookup.peer = std::move(peers[i]);
    lookup.request.data = &lookup;
    const auto known = std::find_if(before.begin(), before.end(),
                                    [&](const Lookup& one) { return one.peer == lookup.peer; });
    if (known == before.end()) continue;
    lookup.addresses = std::move(known->addresses);
    lookup.failed = known->failed;
    lookup.failed_since_ms = known->failed_since_ms;
    lookup.warned = known->warned;
  }
}

void Resolver::set_peers(std::vector<HostPort> peers) {
  if (pending_ > 0) {
    next_peers_ = std::move(peers);
    return;
  }
  replace_peers(std::move(peers));
  retry_ms_ = kFirstRetryMs;
  look_up_all();
}

void Resolver::stop() {
  stopping_ = true;
  timer_.close();
  for (Lookup& lookup : lookups_) {
    if (lookup.pending) uv_cancel(reinterpret_cast<uv_req_t*>(&lookup.request));
  }
}

void Resolver::look_up_all() {
  // set_peers() may call this while the timer runs. Stop it, or it would start lookups that are already
  // pending.
  timer_.stop();
  CHECK_INVARIANT(pending_ == 0);
  for (Lookup& lookup : lookups_) {
    if (const auto address = common::parse_address(lookup.peer.host)) {
      if (address->family == family_) lookup.addresses = {*address};
      for (Endpoint& endpoint : lookup.addresses) endpoint.port = lookup.peer.port;
      continue;
    }
    addrinfo hints{};
    hints.ai_family = family_ == common::Family::v4 ? AF_INET : AF_INET6;
    hints.ai_socktype = SOCK_DGRAM;
    const std::string port = std::to_string(lookup.peer.port);
    const int started = uv_getaddrinfo(loop_, &lookup.request, &Resolver::on_resolved,
                                       lookup.peer.host.c_str(), port.c_str(), &hints);
    if (started != 0) continue;
    lookup.pending = true;
    ++pending_;
  }
  report();
  if (pending_ == 0) schedule_next();
}

void Resolver::schedule_next() {
  if (stopping_) return;
  const bool failed =
      std::any_of(lookups_.begin(), lookups_.end(), [](const Lookup& lookup) { return lookup.failed; });
  const uint64_t wait_ms = failed ? retry_ms_ : kIntervalMs;
  retry_ms_ = failed ? std::min(2 * retry_ms_, kIntervalMs) : kFirstRetryMs;
  timer_.start(wait_ms);
}

void Resolver::on_resolved(uv_getaddrinfo_t* request, int status, addrinfo* found) {
  Lookup& lookup = *static_cast<Lookup*>(request->data);
  lookup.pending = false;
  --lookup.owner->pending_;
  if (lookup.owner->stopping_) {
    uv_freeaddrinfo(found);
    return;
  }
  if (status == 0) {
    lookup.addresses.clear();
    for (const addrinfo* info = found; info != nullptr && lookup.addresses.size() < kAddressesMax;
         info = info->ai_next) {
      if (info->ai_family == AF_INET || info->ai_family == AF_INET6) {
        lookup.addresses.push_back(from_sockaddr(info->ai_addr));
      }
    }
  }
  uv_freeaddrinfo(found);
  note_outcome(lookup, status);
  Resolver& owner = *lookup.owner;
  if (owner.pending_ > 0) return owner.report();
  if (owner.next_peers_) return owner.set_peers(std::move(*std::exchange(owner.next_peers_, std::nullopt)));
  owner.report();
  owner.schedule_next();
}

// The nodes of a cluster start together, and a name may appear only when its node runs: at first a failure is
// no alarm.
void Resolver::note_outcome(Lookup& lookup, int status) {
  if (status == 0) {
    if (lookup.failed) log_line(LogLevel::info, "sync peer resolves", {{"name", lookup.peer.host}});
    lookup.failed = lookup.warned = false;
    return;
  }
  const int64_t now_ms = monotonic_ms();
  const bool first = !std::exchange(lookup.failed, true);
  if (first) lookup.failed_since_ms = now_ms;
  const bool late = now_ms - lookup.failed_since_ms >= kPatienceMs;
  if (!first && (!late || std::exchange(lookup.warned, true))) return;
  log_line(late ? LogLevel::warn : LogLevel::info,
           "sync peer does not resolve; retrying after 1 s, 2 s and so on, up to every 60 s",
           {{"name", lookup.peer.host}, {"reason", uv_strerror(status)}});
}

std::string Resolver::trouble_of(const Lookup& lookup) const {
  if (!lookup.addresses.empty()) return "";
  const std::string family = family_ == common::Family::v4 ? "IPv4" : "IPv6";
  if (common::parse_address(lookup.peer.host)) return "is no " + family + " address, as sync.listen is";
  return lookup.failed ? "does not resolve to an " + family + " address" : "is not resolved yet";
}

void Resolver::report() {
  std::vector<Endpoint> seen;
  std::vector<ResolvedPeer> all;
  for (const Lookup& lookup : lookups_) {
    ResolvedPeer peer{lookup.peer, {}, trouble_of(lookup)};
    for (const Endpoint& address : lookup.addresses) {
      if (std::find(seen.begin(), seen.end(), address) != seen.end()) continue;
      seen.push_back(address);
      peer.addresses.push_back(address);
    }
    // All its addresses may be those of other entries.
    if (!peer.addresses.empty() || lookup.addresses.empty()) all.push_back(std::move(peer));
  }
  resolved_(std::move(all));
}

}  // namespace shoal::node
