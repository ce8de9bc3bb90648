// The UDP part of the probe: connect, announce, scrape, announce stopped (BEP 15).

#include <sodium.h>

#include <array>
#include <functional>
#include <utility>

#include "node/config/option_values.h"
#include "node/probe/client_socket.h"
#include "node/probe/probe.h"
#include "node/text/printable.h"
#include "proto/udp_tracker.h"

namespace shoal::node {

namespace {

using proto::UdpAnswer;
using proto::UdpAnswerKind;
using std::chrono::steady_clock;

class UdpProbe {
 public:
  explicit UdpProbe(const ProbeTarget& target) : target_(target) {}

  ProbeReport run() {
    const auto servers = resolve(target_.url.server, Transport::udp);
    if (!servers) {
      report_.steps.push_back({"connect", 0, servers.error().message});
      return std::move(report_);
    }
    for (const common::Endpoint& server : *servers) {
      if (!open(server)) continue;
      if ((!target_.announces || announce()) && target_.scrapes) scrape();
      // Even after a failed announce: perhaps only its answer was lost.
      if (target_.stops) stop();
      break;
    }
    return std::move(report_);
  }

 private:
  // Fills the buffer with a request and returns its size.
  using Write = std::function<size_t(uint32_t transaction_id)>;

  std::string shown(const common::Error& error) const {
    const std::string server =
        "udp://" + to_string(target_.url.server) + " (" + common::to_string(*report_.server) + ")";
    if (error.message != kTimedOut) return server + ": " + error.message;
    return "no answer from " + server + " within " + std::to_string(target_.timeout.count()) + " ms";
  }

  // Waits until the deadline for the answer to this transaction. Ignores everything else.
  common::Result<UdpAnswer> await(uint32_t transaction_id, Deadline deadline) {
    for (;;) {
      const auto size = socket_->receive(in_, deadline);
      if (!size) return tl::make_unexpected(size.error());
      const UdpAnswer answer =
          proto::parse_udp_answer(common::ByteSpan(in_).first(*size), report_.server->family);
      if (answer.kind != UdpAnswerKind::malformed && answer.transaction_id == transaction_id) return answer;
    }
  }

  // Sends the request, and repeats it after half the time-out. The round trip begins at the last time it was
  // sent.
  common::Result<UdpAnswer> exchange(const Write& write, double& round_trip_ms) {
    const uint32_t transaction_id = randombytes_random();
    const auto request = common::ByteSpan(out_).first(write(transaction_id));
    const Deadline start = steady_clock::now();
    for (const Deadline deadline : {start + target_.timeout / 2, start + target_.timeout}) {
      const Deadline sent_at = steady_clock::now();
      if (auto sent = socket_->send(request, deadline); !sent) return common::fail(shown(sent.error()));
      auto answer = await(transaction_id, deadline);
      round_trip_ms = std::chrono::duration<double, std::milli>(steady_clock::now() - sent_at).count();
      if (answer) return answer;
      if (answer.error().message != kTimedOut) return common::fail(shown(answer.error()));
    }
    return common::fail(shown({kTimedOut}));
  }

  // Does a step and records it. Returns nothing if it failed.
  std::optional<UdpAnswer> step(const std::string& name, UdpAnswerKind expected, const Write& write) {
    ProbeStep step{name, 0, ""};
    const auto answer = exchange(write, step.round_trip_ms);
    if (!answer) {
      step.error = answer.error().message;
    } else if (answer->kind == UdpAnswerKind::error) {
      step.error = kRefused + printable(answer->message);
    } else if (answer->kind != expected) {
      step.error = "the answer has another action";
    }
    report_.steps.push_back(step);
    if (!step.error.empty()) return std::nullopt;
    return *answer;
  }

  bool open(const common::Endpoint& server) {
    report_.server = server;
    report_.steps.clear();  // drops those of an address that did not answer
    auto socket = ClientSocket::connect(server, Transport::udp, steady_clock::now() + target_.timeout);
    if (!socket) {
      report_.steps.push_back({"connect", 0, shown(socket.error())});
      return false;
    }
    socket_.emplace(std::move(*socket));
    if (target_.connection_id) {
      connection_id_ = *target_.connection_id;
      return true;
    }
    const auto answer = step("connect", UdpAnswerKind::connect,
                             [&](uint32_t id) { return proto::write_connect_request(out_, id); });
    if (answer) report_.connection_id = connection_id_ = answer->connection_id;
    return answer.has_value();
  }

  bool announce() {
    const auto answer = step("announce", UdpAnswerKind::announce, [&](uint32_t id) {
      return proto::write_announce_request(out_, connection_id_, id, target_.announce);
    });
    if (!answer) return false;
    ProbeAnnounce told{answer->interval_s, answer->counts.seeders, answer->counts.leechers, {}, 0};
    add_compact_peers(answer->peers, report_.server->family, told);
    report_.announce = std::move(told);
    return true;
  }

  void scrape() {
    const auto answer = step("scrape", UdpAnswerKind::scrape, [&](uint32_t id) {
      return proto::write_scrape_request(out_, connection_id_, id, {&target_.hash, 1});
    });
    if (!answer) return;
    if (answer->scrape_count() != 1) {
      report_.steps.back().error =
          "the answer has " + std::to_string(answer->scrape_count()) + " swarms instead of 1";
      return;
    }
    const auto counts = answer->scrape_counts(0);
    report_.scrape = ProbeScrape{counts.seeders, counts.leechers, counts.completed};
  }

  void stop() {
    proto::AnnounceRequest request = target_.announce;
    request.event = proto::Event::stopped;
    request.numwant = 0;
    step("stopped", UdpAnswerKind::announce,
         [&](uint32_t id) { return proto::write_announce_request(out_, connection_id_, id, request); });
  }

  const ProbeTarget& target_;
  ProbeReport report_;
  std::optional<ClientSocket> socket_;
  uint64_t connection_id_ = 0;
  std::array<uint8_t, 256> out_{};
  std::array<uint8_t, 65536> in_{};
};

}  // namespace

ProbeReport probe_udp(const ProbeTarget& target) { return UdpProbe(target).run(); }

}  // namespace shoal::node
