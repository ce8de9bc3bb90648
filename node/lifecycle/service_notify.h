// ServiceNotify: tells the service manager that started us (systemd, Type=notify) when the node is ready,
// reloads, stops, and that it still runs. Speaks sd_notify(3) itself: one datagram a message to the socket
// that NOTIFY_SOCKET names. Without that variable every call does nothing. Control thread only.

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

// The variables as the service manager sets them; empty: not set.
struct ServiceVariables {
  std::string notify_socket;  // NOTIFY_SOCKET: a path, or "@name" for the abstract namespace
  std::string watchdog_usec;  // WATCHDOG_USEC
  std::string watchdog_pid;   // WATCHDOG_PID

  static ServiceVariables from_environment();
};

class ServiceNotify {
 public:
  // Connects. Before node.chroot is entered, as the path means something else inside. A socket that cannot be
  // used is a line in the log, and then nobody is told anything.
  explicit ServiceNotify(const ServiceVariables& variables);
  ServiceNotify(const ServiceNotify&) = delete;
  ServiceNotify& operator=(const ServiceNotify&) = delete;

  // From now on watches `readiness` and says READY=1 when it first is; keeps STATUS= true, and the watchdog
  // quiet.
  void start(uv_loop_t* loop, std::function<Readiness()> readiness);

  // Around a reload. Before the node was ready once the service manager does not know that state and is not
  // told.
  void reloading();
  void reloaded();

  // Once, when the node begins to leave: it serves for `drain_s` more, and only then does the time count in
  // which a service has to stop. systemd gives it two minutes from there on, or TimeoutStopSec if that is
  // later.
  void stopping(uint32_t drain_s);

  // Ends start().
  void close() { timer_.reset(); }

  // How often the watchdog wants to hear of us at most, in ms; 0: it does not.
  uint64_t watchdog_ms() const { return watchdog_ms_; }

 private:
  void look();
  void send(std::string_view message) const;

  FileDescriptor socket_;  // closed: nobody to tell
  uint64_t watchdog_ms_ = 0;
  std::function<Readiness()> readiness_;
  std::optional<Timer> timer_;  // none: not started, or closed
  bool told_ready_ = false;
  bool told_stopping_ = false;
  std::string status_;
};

}  // namespace shoal::node
