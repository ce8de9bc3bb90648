#include "tests/xdp/socket_path.h"

#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "node/config/resolve_options.h"
#include "node/net/sockets.h"
#include "node/xdp/interface_facts.h"
#include "proto/udp_tracker.h"
#include "tests/xdp/new_network.h"

namespace shoal::test {

using common::Endpoint;
using common::fail;
using common::Result;

namespace {

constexpr uint16_t kPort = 6969;

// Clients are behind a router, whose hardware address is known; those of 198.18.0.0/16, 198.19.0.0/17 and
// 198.19.128.0/17 behind VLAN 5, 6 and 7 in 6.
constexpr const char* kSetUp = R"(
set -e
ip link set lo up
sysctl -qw net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.default.rp_filter=0 net.ipv6.conf.all.disable_ipv6=0
sysctl -qw net.ipv6.conf.default.accept_dad=0 net.ipv6.conf.default.accept_ra=0
ip link set shoal0 address 02:00:00:00:00:01 mtu 1600 up
ip address add 192.0.2.1/24 broadcast 192.0.2.255 dev shoal0
ip -6 address add 2001:db8::1/64 dev shoal0 nodad
ip neigh replace 192.0.2.254 lladdr 02:00:00:00:00:02 nud permanent dev shoal0
ip -6 neigh replace 2001:db8::fe lladdr 02:00:00:00:00:02 nud permanent dev shoal0
ip route add default via 192.0.2.254
ip -6 route add default via 2001:db8::fe
)";
constexpr const char* kSetUpVlans = R"(
set -e
ip link add link shoal0 name vlan5 type vlan id 5
ip link add link shoal0 name vlan6 type vlan protocol 802.1ad id 6
ip link add link vlan6 name vlan67 type vlan id 7
for each in vlan5 vlan6 vlan67; do ip link set $each up; done
for each in "vlan5 198.18.0.0/16 2001:db8:5::/48" "vlan6 198.19.0.0/17 2001:db8:6::/48" "vlan67 198.19.128.0/17 2001:db8:7::/48"; do
  set -- $each
  ip neigh replace 192.0.2.253 lladdr 02:00:00:00:00:02 nud permanent dev $1
  ip -6 neigh replace fe80::fe lladdr 02:00:00:00:00:02 nud permanent dev $1
  ip route add $2 via 192.0.2.253 dev $1 onlink
  ip -6 route add $3 via fe80::fe dev $1 onlink
done
)";

bool run_script(const char* script, bool quiet) {
  const std::string command = std::string(quiet ? "exec 2>/dev/null\n" : "exec >&2\n") + script;
  return std::system(command.c_str()) == 0;  // NOLINT(cert-env33-c): a test of root's
}

}  // namespace

Endpoint server_v4() { return common::make_endpoint_v4(0xc0000201, kPort); }
Endpoint server_v6() { return common::parse_endpoint("[2001:db8::1]:6969").value(); }

std::vector<Endpoint> no_clients() {
  std::vector<Endpoint> all;
  for (const char* text : {"192.0.2.1", "192.0.2.255", "192.0.2.0", "2001:db8::1"}) {
    all.push_back(common::parse_address(text).value());
  }
  return all;
}

Result<std::unique_ptr<SocketPath>> SocketPath::open(std::vector<common::SipKey> keys) {
  std::unique_ptr<SocketPath> path(new SocketPath(std::move(keys)));
  if (uv_loop_init(&path->loop_) != 0) return fail("no event loop");
  path->forget_clients();
  if (Result<void> done = path->set_up(); !done) return fail(done.error().message);
  return path;
}

Result<void> SocketPath::set_up() {
  const NewNetwork network;
  if (!network.is_new()) return fail(std::string("no network namespace: ") + std::strerror(errno));
  tap_ = node::FileDescriptor(::open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC));
  ifreq request{};
  std::strncpy(request.ifr_name, kInterface, sizeof request.ifr_name - 1);
  request.ifr_flags = IFF_TAP | IFF_NO_PI;
  if (!tap_.is_open() || ioctl(tap_.get(), TUNSETIFF, &request) != 0) {
    return fail(std::string("no tap device: ") + std::strerror(errno));
  }
  if (!run_script(kSetUp, false)) return fail("cannot configure the tap device (ip, sysctl)");
  has_vlans_ = run_script(kSetUpVlans, true);
  const node::FileDescriptor socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  const node::FileDescriptor proc_net = node::open_proc_net();
  for (const node::Vlan& vlan : node::vlans_of_machine(socket.get(), proc_net.get()))
    vlans_found_.insert(vlan.id);
  for (const char* address : {"0.0.0.0:6969", "[::]:6969"}) {
    auto socket = node::open_tracker_udp(common::parse_endpoint(address).value(), node::PortUse::alone);
    if (!socket) return fail(socket.error().message);
    serve(std::move(*socket));
  }
  return {};
}

void SocketPath::serve(node::FileDescriptor socket) {
  servers_.push_back(std::make_unique<node::UdpServer>(&loop_, std::move(socket), *batch_, *tracker_, clock_,
                                                       keys_, stale_ids_, counters_));
}

SocketPath::~SocketPath() {
  for (const auto& server : servers_) server->stop();
  uv_run(&loop_, UV_RUN_DEFAULT);
  servers_.clear();
  uv_loop_close(&loop_);
}

void SocketPath::forget_clients() {
  limiter_ = std::make_unique<node::RequestLimiter>(common::SipKey{9});
  limiter_->set(rates_[0], rates_[1]);
  node::Options options = node::default_options();
  const auto settings =
      std::make_shared<const node::TrackerSettings>(node::tracker_settings(options, nullptr, limiter_.get()));
  if (tracker_ == nullptr) {
    tracker_ = std::make_unique<node::Tracker>(*settings, store_, nullptr, counters_.announce, 1);
  } else {
    tracker_->set_settings(settings);
  }
  stale_ids_ = {};
}

void SocketPath::set_denied(std::shared_ptr<const common::NetworkSet> denied) {
  tracker_->set_policy(
      node::AnnouncePolicy::unless_open({}, node::default_options().access, {std::move(denied), nullptr}));
}

void SocketPath::set_rates(uint32_t per_s_per_address, uint32_t per_s_per_prefix) {
  rates_ = {per_s_per_address, per_s_per_prefix};
  forget_clients();
}

std::vector<Bytes> SocketPath::exchange(const Bytes& frame) {
  std::vector<Bytes> answers;
  hold_time();
  // Frames that are too short for a device are refused: no answer.
  if (::write(tap_.get(), frame.data(), frame.size()) < 0) return answers;
  for (int i = 0; i < 3; ++i) uv_run(&loop_, UV_RUN_NOWAIT);
  Bytes buffer(4096);
  for (;;) {
    const ssize_t size = ::read(tap_.get(), buffer.data(), buffer.size());
    if (size <= 0) return answers;
    const auto sent = std::span(buffer).first(static_cast<size_t>(size));
    const auto datagram = unwrap(sent);
    if (datagram && datagram->from.port == kPort) answers.emplace_back(sent.begin(), sent.end());
  }
}

}  // namespace shoal::test
