#include "node/net/own_addresses.h"

#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include "node/os/monotonic.h"
#include "node/os/surroundings.h"

namespace shoal::node {

using common::ByteSpan;

namespace {

// More than the kernel puts into one datagram.
constexpr size_t kDatagramBytes = 32 << 10;
constexpr size_t kDatagramsPerTurn = 16;

}  // namespace

struct OwnAddresses::Poll {
  uv_poll_t handle{};
  OwnAddresses* owner = nullptr;
};

common::Result<FileDescriptor> OwnAddresses::open() {
  FileDescriptor socket(::socket(AF_NETLINK, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, NETLINK_ROUTE));
  sockaddr_nl address{};
  address.nl_family = AF_NETLINK;
  address.nl_groups = RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR;
  if (!socket.is_open() ||
      bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    return common::fail(system_failure("watch the addresses of this machine", errno));
  }
  return socket;
}

OwnAddresses::OwnAddresses(uv_loop_t* loop, FileDescriptor socket, std::function<void()> changed)
    : socket_(std::move(socket)),
      changed_(std::move(changed)),
      poll_(new Poll),
      ask_timer_(loop, [this] { ask(); }) {
  poll_->owner = this;
  poll_->handle.data = poll_;
  require_system(uv_poll_init(loop, &poll_->handle, socket_.get()), "watch a socket");
  require_system(uv_poll_start(&poll_->handle, UV_READABLE,
                               [](uv_poll_t* handle, int /*status*/, int /*events*/) {
                                 static_cast<Poll*>(handle->data)->owner->on_readable();
                               }),
                 "watch a socket");
  ask();
}

void OwnAddresses::close() {
  if (poll_ == nullptr) return;
  ask_timer_.close();
  uv_close(reinterpret_cast<uv_handle_t*>(&std::exchange(poll_, nullptr)->handle),
           [](uv_handle_t* handle) { delete static_cast<Poll*>(handle->data); });
}

void OwnAddresses::on_readable() {
  bool again = false;
  bool done = false;
  for (size_t i = 0; i < kDatagramsPerTurn; ++i) {
    std::array<uint8_t, kDatagramBytes> buffer;
    sockaddr_nl sender{};
    socklen_t size = sizeof sender;
    const ssize_t received = recvfrom(socket_.get(), buffer.data(), buffer.size(), MSG_TRUNC,
                                      reinterpret_cast<sockaddr*>(&sender), &size);
    if (received < 0) {
      if (errno == EAGAIN) break;
      again |= errno == ENOBUFS;  // notices were lost
      continue;
    }
    if (sender.nl_pid != 0) continue;  // not the kernel
    if (static_cast<size_t>(received) > buffer.size()) {
      again = true;
      continue;
    }
    const AddressDump::News news = dump_.read(ByteSpan(buffer).first(static_cast<size_t>(received)));
    if (news.done || news.failed) under_way_ = false;
    done |= news.done;
    link_changed_ |= news.link;
    again |= news.changed || news.failed;
  }
  if (again) {
    ask_again_ = true;
    if (!under_way_) ask_soon();
  } else if (!under_way_ && done) {
    if (ask_again_) {
      ask_soon();
    } else {
      ask_timer_.stop();
    }
  }
  if (!done || (answered_ && !link_changed_ && dump_.addresses() == known_)) return;
  answered_ = true;
  link_changed_ = false;
  known_ = dump_.addresses();
  changed_();
}

void OwnAddresses::ask_soon() {
  const int64_t since_ms = monotonic_ms() - asked_ms_;
  ask_timer_.start(static_cast<uint64_t>(std::clamp<int64_t>(kPauseMs - since_ms, 0, kPauseMs)));
}

void OwnAddresses::ask() {
  if (++sequence_ == 0) ++sequence_;
  const auto request = dump_.request(sequence_);
  sockaddr_nl kernel{};
  kernel.nl_family = AF_NETLINK;
  (void)sendto(socket_.get(), request.data(), request.size(), 0, reinterpret_cast<const sockaddr*>(&kernel),
               sizeof kernel);
  asked_ms_ = monotonic_ms();
  under_way_ = true;
  ask_again_ = false;
  ask_timer_.start(kPatienceMs);
}

}  // namespace shoal::node
