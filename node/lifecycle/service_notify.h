// ServiceNotify: tells the service manager that started this process (systemd, Type=notify) when the node is
// ready, reloads and stops, and keeps its watchdog quiet. Implements sd_notify(3): one datagram per message
// to the socket named by NOTIFY_SOCKET. Without that variable no call does anything. Control thread only.

#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "node/net/timer.h"
#include "node/os/file_descriptor.h"
#include "node/status/readiness.h"

namespace shoal::node {

// The environment variables that the service manager sets; empty: not set.
struct ServiceVariables {
  std::string notify_socket;  // NOTIFY_SOCKET: a path, or "@name" for the abstract namespace
  std::string watchdog_usec;  // WATCHDOG_USEC
  std::string watchdog_pid;   // WATCHDOG_PID

  static ServiceVariables from_environment();
};

class ServiceNotify {
 public:
  // Connects. To be made before the process enters node.chroot, where the path would mean another file. If
  // the socket cannot be used, that is logged, and no call does anything.
  explicit ServiceNotify(const ServiceVariables& variables);
  ServiceNotify(const ServiceNotify&) = delete;
  ServiceNotify& operator=(const ServiceNotify&) = delete;

  // Watches `readiness` from now on: sends READY=1 when the node is ready for the first time, or has started
  // as far as it can by itself, STATUS= when its status changes, and WATCHDOG=1 as often as the watchdog
  // expects.
  void start(uv_loop_t* loop, std::function<Readiness()> readiness);

  // Before and after a reload. Not sent before the node was ready for the first time: the service manager has
  // no such state.
  void reloading();
  void reloaded();

  // When the node begins to drain. It serves for `drain_s` more, so systemd is asked to wait that long plus
  // two minutes before it kills the node, or until TimeoutStopSec if that is later.
  void stopping(uint32_t drain_s);

  // Ends start().
  void close() { timer_.reset(); }

  // The watchdog expects a message at least this often, in ms; 0: there is no watchdog.
  uint64_t watchdog_ms() const { return watchdog_ms_; }

 private:
  void check_readiness();
  void send(std::string_view message) const;

  FileDescriptor socket_;  // closed: there is no service manager
  uint64_t watchdog_ms_ = 0;
  std::function<Readiness()> readiness_;
  std::optional<Timer> timer_;  // none: not started, or closed
  bool sent_ready_ = false;
  bool sent_stopping_ = false;
  std::string status_;
};

}  // namespace shoal::node
