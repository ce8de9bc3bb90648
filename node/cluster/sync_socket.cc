#include "node/cluster/sync_socket.h"

#include <net/if.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <optional>
#include <span>
#include <utility>

#include "common/check.h"
#include "common/log.h"
#include "node/net/socket_address.h"
#include "node/net/timer.h"
#include "node/os/monotonic.h"
#include "node/os/surroundings.h"

namespace shoal::node {

using common::Endpoint;
using common::Family;
using common::Result;

namespace {

constexpr size_t kSyncBatch = 32;
// Datagrams are taken for so long, or so many batches, then the loop runs its other handles. A datagram of a
// member that means ill can cost 100 times what an honest one does, so the time is looked at after each
// batch.
constexpr size_t kBatchesPerWake = 64;
constexpr int64_t kReceiveMaxUs = 2'000;

// How often it is seen whether interfaces have changed.
constexpr uint64_t kCheckGroupsS = 2;

// Room for one IP_PKTINFO or IPV6_PKTINFO message.
struct alignas(cmsghdr) Control {
  std::array<uint8_t, CMSG_SPACE(sizeof(in6_pktinfo))> bytes;
};

// Makes the kernel send `message` through one interface, whatever the routes say, as a multicast group on
// that interface needs. Sends from `source` unless that is a wildcard: given only the interface, the kernel
// may choose an address of another one, and the other nodes would answer to an address where nobody listens.
void set_interface(msghdr& message, Control& control, const Endpoint& source, unsigned interface_index) {
  control.bytes.fill(0);
  message.msg_control = control.bytes.data();
  const size_t size = source.family == Family::v4 ? sizeof(in_pktinfo) : sizeof(in6_pktinfo);
  message.msg_controllen = CMSG_SPACE(size);
  cmsghdr* header = CMSG_FIRSTHDR(&message);
  header->cmsg_len = CMSG_LEN(size);
  if (source.family == Family::v4) {
    header->cmsg_level = IPPROTO_IP;
    header->cmsg_type = IP_PKTINFO;
    in_pktinfo info{};
    info.ipi_ifindex = static_cast<int>(interface_index);
    std::memcpy(&info.ipi_spec_dst, source.address.data(), sizeof info.ipi_spec_dst);
    std::memcpy(CMSG_DATA(header), &info, sizeof info);
  } else {
    header->cmsg_level = IPPROTO_IPV6;
    header->cmsg_type = IPV6_PKTINFO;
    in6_pktinfo info{};
    info.ipi6_ifindex = interface_index;
    std::memcpy(&info.ipi6_addr, source.address.data(), sizeof info.ipi6_addr);
    std::memcpy(CMSG_DATA(header), &info, sizeof info);
  }
}

// Room for one SO_RXQ_OVFL message.
struct alignas(cmsghdr) OverflowControl {
  std::array<uint8_t, CMSG_SPACE(sizeof(uint32_t))> bytes;
};

// The number of datagrams that the socket had no room for, modulo 2^32; nothing before the first.
std::optional<uint32_t> overflow_of(msghdr& message) {
  for (cmsghdr* one = CMSG_FIRSTHDR(&message); one != nullptr; one = CMSG_NXTHDR(&message, one)) {
    if (one->cmsg_level != SOL_SOCKET || one->cmsg_type != SO_RXQ_OVFL) continue;
    uint32_t count = 0;
    std::memcpy(&count, CMSG_DATA(one), sizeof count);
    return count;
  }
  return std::nullopt;
}

}  // namespace

struct SyncSocket::Port {
  Port(uv_loop_t* loop, SyncSocket& of)
      : owner(&of), datagrams(of.counters_.call_errors), pause(loop, [this] { watch(); }) {}

  uv_poll_t poll;
  SyncSocket* owner;
  Datagrams datagrams;
  Timer pause;  // active while receiving fails
  int fd = -1;
  std::optional<size_t> group;
  uint32_t overflowed = 0;  // as the kernel last reported

  static void on_readable(uv_poll_t* handle, int status, int events);
  void watch() { require_system(uv_poll_start(&poll, UV_READABLE, &Port::on_readable), "watch a socket"); }
  // False: the socket is empty.
  bool receive_batch();
};

Result<std::unique_ptr<SyncSocket>> SyncSocket::open(const Endpoint& listen,
                                                     const std::vector<MulticastGroup>& groups) {
  std::unique_ptr<SyncSocket> opened(new SyncSocket);
  auto unicast = open_sync_udp(listen);
  if (!unicast) return tl::make_unexpected(unicast.error());
  opened->listen_ = listen;
  opened->unicast_ = std::move(*unicast);
  for (const MulticastGroup& group : groups) {
    CHECK_INVARIANT(group.group.family == listen.family);  // checked by resolve_options()
    auto socket = open_sync_group(group);
    if (!socket) return tl::make_unexpected(socket.error());
    opened->groups_.push_back({.group = group, .socket = std::move(*socket)});
  }
  return opened;
}

SyncSocket::~SyncSocket() = default;

void SyncSocket::start(uv_loop_t* loop, Receive receive) {
  loop_ = loop;
  receive_ = std::move(receive);
  poll(unicast_.get(), std::nullopt);
  for (size_t i = 0; i < groups_.size(); ++i) groups_[i].port = poll(groups_[i].socket.socket.get(), i);
  if (groups_.empty()) return;
  interfaces_ = interface_indices();
  check_timer_.emplace(loop, [this] { check_groups(); });
  check_timer_->start_every_s(kCheckGroupsS);
}

SyncSocket::Port* SyncSocket::poll(int fd, std::optional<size_t> group) {
  auto port = std::make_unique<Port>(loop_, *this);
  port->fd = fd;
  port->group = group;
  require_system(uv_poll_init(loop_, &port->poll, fd), "watch a socket");
  port->poll.data = port.get();
  port->watch();
  return ports_.emplace_back(std::move(port)).get();
}

void SyncSocket::unpoll(Port* port) {
  const auto found =
      std::find_if(ports_.begin(), ports_.end(), [&](const auto& one) { return one.get() == port; });
  if (found == ports_.end()) return;
  (void)found->release();  // freed in its close callback
  ports_.erase(found);
  port->pause.close();
  uv_close(reinterpret_cast<uv_handle_t*>(&port->poll),
           [](uv_handle_t* closed) { const std::unique_ptr<Port> freed(static_cast<Port*>(closed->data)); });
}

void SyncSocket::leave_group(Group& group) {
  unpoll(std::exchange(group.port, nullptr));
  group.socket.socket = FileDescriptor();
}

// An interface that comes back is another one, which the kernel's membership does not follow. For a group
// without an interface any change of them may be the one that matters.
void SyncSocket::check_groups() {
  std::vector<unsigned> interfaces = interface_indices();
  const bool changed = !interfaces.empty() && interfaces != interfaces_;
  if (changed) interfaces_ = std::move(interfaces);
  for (size_t i = 0; i < groups_.size(); ++i) {
    Group& group = groups_[i];
    const std::string& name = group.group.interface;
    if (group.port != nullptr &&
        (name.empty() ? !changed : interface_index(name) == group.socket.interface_index)) {
      continue;
    }
    const bool had = group.port != nullptr;
    leave_group(group);
    const std::string which = common::to_string(group.group.group) + (name.empty() ? "" : "%" + name);
    auto socket = open_sync_group(group.group);
    if (!socket) {
      if (!std::exchange(group.complained, true)) {
        common::log_line(common::LogLevel::warn,
                         "a multicast group is not heard for now; it is joined as soon as that works",
                         {{"group", which}, {"reason", socket.error().message}});
      }
      continue;
    }
    group.socket = std::move(*socket);
    group.port = poll(group.socket.socket.get(), i);
    if (std::exchange(group.complained, false) || !name.empty() || !had) {
      common::log_line(common::LogLevel::info, "joined a multicast group again", {{"group", which}});
    }
  }
}

void SyncSocket::stop() {
  if (check_timer_) check_timer_->close();
  for (const auto& port : ports_) {
    uv_close(reinterpret_cast<uv_handle_t*>(&port->poll), nullptr);
    port->pause.close();
  }
}

void SyncSocket::Port::on_readable(uv_poll_t* handle, int status, int /*events*/) {
  auto* port = static_cast<Port*>(handle->data);
  if (status < 0) return;
  const int64_t end_us = monotonic_us() + kReceiveMaxUs;
  for (size_t i = 0; i < kBatchesPerWake; ++i) {
    if (!port->receive_batch() || monotonic_us() >= end_us) return;
  }
}

bool SyncSocket::Port::receive_batch() {
  const auto& buffers = owner->buffers_;
  std::array<mmsghdr, kReceiveBatch> messages{};
  std::array<iovec, kReceiveBatch> slices;
  std::array<sockaddr_storage, kReceiveBatch> sources;
  std::array<OverflowControl, kReceiveBatch> controls;
  for (size_t i = 0; i < kReceiveBatch; ++i) {
    slices[i] = {buffers[i].data(), buffers[i].size()};
    messages[i].msg_hdr.msg_iov = &slices[i];
    messages[i].msg_hdr.msg_iovlen = 1;
    messages[i].msg_hdr.msg_name = &sources[i];
    messages[i].msg_hdr.msg_namelen = sizeof sources[i];
    messages[i].msg_hdr.msg_control = controls[i].bytes.data();
    messages[i].msg_hdr.msg_controllen = controls[i].bytes.size();
  }
  const int count = datagrams.receive(fd, messages);
  if (count < 0) {
    uv_poll_stop(&poll);
    pause.start(Datagrams::kPauseMs);
  }
  if (count <= 0) return false;
  for (size_t i = 0; i < static_cast<size_t>(count); ++i) {
    if (const auto told = overflow_of(messages[i].msg_hdr)) {
      owner->counters_.dropped_receive.add(*told - std::exchange(overflowed, *told));
    }
    sync::Received received;
    received.from = from_sockaddr(reinterpret_cast<const sockaddr*>(&sources[i]));
    received.group = group;
    received.bytes = common::ByteSpan(buffers[i]).first(messages[i].msg_len);
    owner->receive_(received);
  }
  return static_cast<size_t>(count) == kReceiveBatch;
}

void SyncSocket::send(const std::vector<sync::Send>& sends) {
  for (size_t sent = 0; sent < sends.size(); sent += kSyncBatch) {
    send_batch(&sends[sent], std::min(kSyncBatch, sends.size() - sent));
  }
}

void SyncSocket::send_batch(const sync::Send* sends, size_t count) {
  std::array<mmsghdr, kSyncBatch> messages{};
  std::array<iovec, kSyncBatch> slices;
  std::array<sockaddr_storage, kSyncBatch> destinations;
  std::array<Control, kSyncBatch> controls;
  for (size_t i = 0; i < count; ++i) {
    const sync::Send& send = sends[i];
    msghdr& message = messages[i].msg_hdr;
    const Endpoint& to = send.group ? groups_[*send.group].group.group : send.to;
    const unsigned interface_index = send.group ? groups_[*send.group].socket.interface_index : 0;
    slices[i] = {const_cast<uint8_t*>(send.bytes->data()), send.bytes->size()};
    message.msg_iov = &slices[i];
    message.msg_iovlen = 1;
    message.msg_name = &destinations[i];
    message.msg_namelen = to_sockaddr(to, destinations[i], interface_index);
    if (interface_index != 0) set_interface(message, controls[i], listen_, interface_index);
  }
  // The kernel stops at a message that it cannot send (such as without a route). Skip it and send the others.
  for (size_t done = 0; done < count;) {
    const int sent = sender_.send(unicast_.get(), std::span(messages).subspan(done, count - done));
    if (sent > 0) {
      done += static_cast<size_t>(sent);
    } else if (errno != EINTR) {
      counters_.dropped_send.add();
      ++done;
    }
  }
}

}  // namespace shoal::node
