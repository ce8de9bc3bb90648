#include "node/lifecycle/service_notify.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <utility>

#include "common/log.h"
#include "node/os/monotonic.h"

namespace shoal::node {

namespace {

// How often readiness is checked: until READY=1 is sent, and then.
constexpr uint64_t kCheckStartingMs = 200;
constexpr uint64_t kCheckMs = 1000;

// For the steps after the drain: the other nodes get what they missed, the snapshot is written.
constexpr uint64_t kStopS = 120;

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

std::optional<uint64_t> whole(std::string_view text) {
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// 0: no watchdog waits for this process.
uint64_t watchdog_ms_of(const ServiceVariables& variables) {
  if (!variables.watchdog_pid.empty() && whole(variables.watchdog_pid) != static_cast<uint64_t>(getpid()))
    return 0;
  return whole(variables.watchdog_usec).value_or(0) / 1000;
}

// A closed descriptor: it failed, and errno says why.
FileDescriptor connect_to(std::string_view name) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (name.size() < 2 || name.size() >= sizeof address.sun_path || (name[0] != '/' && name[0] != '@')) {
    errno = EINVAL;
    return {};
  }
  std::copy(name.begin(), name.end(), address.sun_path);
  if (name[0] == '@') address.sun_path[0] = '\0';
  FileDescriptor connected(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!connected.is_open()) return {};
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size());
  if (connect(connected.get(), reinterpret_cast<const sockaddr*>(&address), size) == 0) return connected;
  const int error = errno;
  (void)connected.close();
  errno = error;
  return {};
}

}  // namespace

ServiceVariables ServiceVariables::from_environment() {
  return {variable("NOTIFY_SOCKET"), variable("WATCHDOG_USEC"), variable("WATCHDOG_PID")};
}

ServiceNotify::ServiceNotify(const ServiceVariables& variables) {
  if (variables.notify_socket.empty()) return;
  FileDescriptor connected = connect_to(variables.notify_socket);
  if (!connected.is_open()) {
    common::log_line(common::LogLevel::warn, "cannot connect to the service manager",
                     {{"socket", variables.notify_socket}, {"reason", std::strerror(errno)}});
    return;
  }
  socket_ = std::move(connected);
  watchdog_ms_ = watchdog_ms_of(variables);
}

void ServiceNotify::start(uv_loop_t* loop, std::function<Readiness()> readiness) {
  if (!socket_.is_open()) return;
  readiness_ = std::move(readiness);
  timer_.emplace(loop, [this] { check_readiness(); });
  check_readiness();
}

void ServiceNotify::check_readiness() {
  const Readiness now = readiness_();
  // A service manager, or an installer behind it, must not wait for other machines.
  if ((now.ready || now.waits_for_others) && !sent_ready_) {
    sent_ready_ = true;
    send("READY=1");
  }
  std::string status = now.ready ? "ready" : "not ready: " + now.reason;
  if (status != status_) {
    send("STATUS=" + status);
    status_ = std::move(status);
  }
  if (watchdog_ms_ > 0) send("WATCHDOG=1");
  uint64_t pause_ms = sent_ready_ ? kCheckMs : kCheckStartingMs;
  if (watchdog_ms_ > 0) pause_ms = std::clamp<uint64_t>(watchdog_ms_ / 2, 1, pause_ms);
  timer_->start(pause_ms);
}

void ServiceNotify::reloading() {
  if (sent_ready_ && !sent_stopping_) {
    // By this clock the service manager distinguishes this reload from an earlier one.
    send("RELOADING=1\nMONOTONIC_USEC=" + std::to_string(monotonic_us()));
  }
}

void ServiceNotify::reloaded() {
  if (sent_ready_ && !sent_stopping_) send("READY=1");
}

void ServiceNotify::stopping(uint32_t drain_s) {
  if (std::exchange(sent_stopping_, true)) return;
  send("STOPPING=1\nEXTEND_TIMEOUT_USEC=" + std::to_string((drain_s + kStopS) * 1'000'000));
}

// A failure to send must not stop the node.
void ServiceNotify::send(std::string_view message) const {
  if (!socket_.is_open()) return;
  (void)::send(socket_.get(), message.data(), message.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
}

}  // namespace shoal::node
