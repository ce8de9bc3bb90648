#include "node/resolver.h"

#include <algorithm>
#include <string>
#include <utility>

#include "common/check.h"
#include "common/log.h"
#include "node/socket_address.h"

namespace shoal::node {

using common::Endpoint;
using common::log_line;
using common::LogLevel;

namespace {

constexpr uint64_t kIntervalMs = 60'000;
constexpr size_t kAddressesMax = 64;  // per name

}  // namespace

Resolver::Resolver(uv_loop_t* loop, std::vector<HostPort> peers, Resolved resolved)
    : loop_(loop), resolved_(std::move(resolved)) {
  take_peers(std::move(peers));
  CHECK_INVARIANT(uv_timer_init(loop, &timer_) == 0);
  timer_.data = this;
  CHECK_INVARIANT(uv_timer_start(&timer_, &Resolver::on_timer, 0, kIntervalMs) == 0);
}

Resolver::~Resolver() = default;

// Nothing is pending: libuv has pointers to the lookups that are.
void Resolver::take_peers(std::vector<HostPort> peers) {
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
  }
}

void Resolver::set_peers(std::vector<HostPort> peers) {
  if (pending_ > 0) {
    next_peers_ = std::move(peers);
    return;
  }
  take_peers(std::move(peers));
  round();
  if (pending_ == 0) finish();
}

void Resolver::stop() {
  stopping_ = true;
  uv_close(reinterpret_cast<uv_handle_t*>(&timer_), nullptr);
  for (Lookup& lookup : lookups_) {
    if (lookup.pending) uv_cancel(reinterpret_cast<uv_req_t*>(&lookup.request));
  }
}

void Resolver::on_timer(uv_timer_t* timer) { static_cast<Resolver*>(timer->data)->round(); }

void Resolver::round() {
  for (Lookup& lookup : lookups_) {
    if (lookup.pending) continue;  // a slow name server
    addrinfo hints{};
    hints.ai_family = AF_UNSPEC;
    hints.ai_socktype = SOCK_DGRAM;
    const std::string port = std::to_string(lookup.peer.port);
    const int started = uv_getaddrinfo(loop_, &lookup.request, &Resolver::on_resolved,
                                       lookup.peer.host.c_str(), port.c_str(), &hints);
    if (started != 0) continue;
    lookup.pending = true;
    ++pending_;
  }
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
  if ((status != 0) != lookup.failed) {
    lookup.failed = status != 0;
    if (lookup.failed) {
      log_line(LogLevel::warn, "sync peer does not resolve; trying again every 60 s",
               {{"name", lookup.peer.host}, {"reason", uv_strerror(status)}});
    } else {
      log_line(LogLevel::info, "sync peer resolves again", {{"name", lookup.peer.host}});
    }
  }
  Resolver& owner = *lookup.owner;
  if (owner.pending_ > 0) return;
  owner.finish();
  if (owner.next_peers_) owner.set_peers(std::move(*std::exchange(owner.next_peers_, std::nullopt)));
}

void Resolver::finish() {
  std::vector<Endpoint> all;
  for (const Lookup& lookup : lookups_) {
    for (const Endpoint& address : lookup.addresses) {
      if (std::find(all.begin(), all.end(), address) == all.end()) all.push_back(address);
    }
  }
  resolved_(std::move(all));
}

}  // namespace shoal::node
