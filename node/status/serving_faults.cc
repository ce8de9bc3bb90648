#include "node/status/serving_faults.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace shoal::node {

namespace {

std::string reason_of(int error) {
  std::string text = std::strerror(error);
  switch (error) {
    case EMFILE:
      return text + ": raise the limit of open files (ulimit -n, LimitNOFILE=) or lower limits.connections";
    case ENFILE:
      return text + ": raise the machine's limit (sysctl fs.file-max)";
    case ENOMEM:
    case ENOBUFS:
      return text + ": the machine has no memory left for sockets";
    case EPERM:
    case EACCES:
    case ENOSYS:
      return text + ": a system call filter or security module forbids it";
    default:
      return text;
  }
}

class Found {
 public:
  // Once, however many workers have it.
  void add(std::string_view what, int error, bool serves = false) {
    if (error == 0) return;
    ServingFault fault{std::string(what) + ": " + reason_of(error), serves};
    if (std::find(faults_.begin(), faults_.end(), fault) == faults_.end())
      faults_.push_back(std::move(fault));
  }
  std::vector<ServingFault> take() && { return std::move(faults_); }

 private:
  std::vector<ServingFault> faults_;
};

void add_datagrams(Found& found, const DatagramErrors& errors, const std::string& in, const std::string& out,
                   bool serves) {
  found.add(in + " cannot be received", errors.receive.value(), serves);
  found.add(out + " cannot be sent", errors.send.value(), serves);
  found.add("recvmmsg is refused, so " + in + " are received one by one", errors.receive_batch.value(), true);
  found.add("sendmmsg is refused, so " + out + " are sent one by one", errors.send_batch.value(), true);
}

}  // namespace

std::vector<ServingFault> serving_faults_of(std::span<const WorkerCounters* const> workers,
                                            const HttpCounters& admin, const SyncFaults& sync) {
  Found found;
  for (const WorkerCounters* worker : workers) {
    for (const UdpCounters& udp : worker->udp) {
      add_datagrams(found, udp.call_errors, "UDP requests", "UDP answers", false);
    }
    found.add("HTTP connections cannot be accepted", worker->http.accept_error.value());
  }
  found.add("connections to the admin endpoint cannot be accepted", admin.accept_error.value(), true);
  if (sync.datagrams != nullptr) add_datagrams(found, *sync.datagrams, "sync packets", "sync packets", true);
  found.add("TCP connections of other nodes cannot be accepted", sync.accept_error, true);
  return std::move(found).take();
}

std::vector<ServingFaults::Line> ServingFaults::look(const std::vector<ServingFault>& now, int64_t mono_ms) {
  std::vector<Line> lines;
  for (const ServingFault& fault : now) {
    const auto is_same = [&](const Known& known) { return known.fault == fault; };
    const auto known = std::find_if(known_.begin(), known_.end(), is_same);
    if (known == known_.end()) {
      known_.push_back({fault, mono_ms, mono_ms});
      lines.push_back({fault.text});
    } else {
      known->seen_ms = mono_ms;
      known->lasts = mono_ms - known->since_ms >= kLastsMs;
    }
  }
  for (Known& known : known_) {
    if (known.seen_ms == mono_ms) continue;
    known.lasts = false;
    known.since_ms = mono_ms;
    if (mono_ms - known.seen_ms >= kOverMs) lines.push_back({known.fault.text, true});
  }
  std::erase_if(known_, [&](const Known& known) { return mono_ms - known.seen_ms >= kOverMs; });
  return lines;
}

std::vector<ServingFault> ServingFaults::lasting() const {
  std::vector<ServingFault> faults;
  for (const Known& known : known_) {
    if (known.lasts) faults.push_back(known.fault);
  }
  return faults;
}

std::string ServingFaults::reason() const {
  const auto stops = [](const Known& known) { return known.lasts && !known.fault.serves; };
  const auto known = std::find_if(known_.begin(), known_.end(), stops);
  return known == known_.end() ? "" : known->fault.text;
}

}  // namespace shoal::node
