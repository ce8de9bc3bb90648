// The HTTP part of the probe: announce, scrape, announce stopped (BEP 3, 23, 48), each on its own connection.

#include <functional>
#include <utility>

#include "node/config/option_values.h"
#include "node/probe/client_socket.h"
#include "node/probe/http_client.h"
#include "node/probe/probe.h"

namespace shoal::node {

namespace {

using std::chrono::steady_clock;

// Encodes every byte as %XX, which is always correct.
std::string percent_encoded(std::span<const uint8_t> bytes) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  std::string out;
  for (const uint8_t byte : bytes) {
    out += '%';
    out += kDigits[byte >> 4];
    out += kDigits[byte & 15];
  }
  return out;
}

// The Host header: the name that stands in the URL, not the address of it that is asked.
std::string host_of(const ProbeTarget& target) {
  const HostPort& server = target.url.server;
  return to_string(target.tls_host.empty() ? server : HostPort{target.tls_host, server.port});
}

class HttpProbe {
 public:
  explicit HttpProbe(const ProbeTarget& target) : target_(target) {
    tls_.client = target.tls;
    tls_.host = target.tls_host.empty() ? target.url.server.host : target.tls_host;
  }

  ProbeReport run() {
    const auto servers = resolve(target_.url.server, Transport::tcp);
    if (!servers) {
      report_.steps.push_back({"announce", 0, servers.error().message});
      return std::move(report_);
    }
    bool connected = false;
    for (size_t i = 0; i < servers->size() && !connected; ++i) {
      report_.server = (*servers)[i];
      report_.steps.clear();
      connected = connects();
    }
    if (!connected) return std::move(report_);
    if ((!target_.announces || announce()) && target_.scrapes) scrape();
    // Even after a failed announce: perhaps only its answer was lost.
    if (target_.stops) stop();
    report_.tls_protocol = tls_.protocol;
    report_.tls_ticket = std::move(tls_.ticket);
    return std::move(report_);
  }

 private:
  std::string shown(const std::string& error) const {
    const std::string server =
        to_string(target_.url.server) + " (" + common::to_string(*report_.server) + ")";
    if (error != kTimedOut) return server + ": " + error;
    return std::string("no answer from http") + (target_.url.tls ? "s" : "") + "://" + server + " within " +
           std::to_string(target_.timeout.count()) + " ms";
  }

  // Checks whether this address accepts connections. A separate step, as for UDP.
  bool connects() {
    const Deadline start = steady_clock::now();
    const auto socket = ClientSocket::connect(*report_.server, Transport::tcp, start + target_.timeout);
    ProbeStep step{"connect", std::chrono::duration<double, std::milli>(steady_clock::now() - start).count(),
                   ""};
    if (!socket) step.error = shown(socket.error().message);
    report_.steps.push_back(std::move(step));
    return socket.has_value();
  }

  // `read` parses the body and returns an error message; empty: success.
  bool step(const std::string& name, const std::string& path,
            const std::function<std::string(const std::string& body)>& read) {
    const Deadline start = steady_clock::now();
    tls_.resumed = false;
    const auto reply =
        http_get(*report_.server, host_of(target_), path, target_.timeout, target_.url.tls ? &tls_ : nullptr);
    ProbeStep step{name, std::chrono::duration<double, std::milli>(steady_clock::now() - start).count(), ""};
    if (!reply) {
      step.error = shown(reply.error().message);
    } else if (reply->status != 200) {
      step.error = "answered with HTTP status " + std::to_string(reply->status);
    } else {
      step.error = read(reply->body);
    }
    report_.steps.push_back(step);
    if (target_.url.tls && step.error.empty()) note_resumption(name);
    return step.error.empty();
  }

  // Each request has a connection of its own, and the second can resume what the first began.
  void note_resumption(const std::string& step) {
    if (step == "announce") tickets_expected_ = tls_.ticket != nullptr;
    if (step != "scrape") return;
    ProbeStep resumed{"resume", 0, ""};
    if (!tickets_expected_) {
      resumed.error = "the server gives no session tickets: each connection needs a full handshake";
    } else if (!tls_.resumed) {
      resumed.error = "the server does not resume the session that it gave a ticket for";
    }
    if (target_.announces) report_.steps.push_back(std::move(resumed));
  }

  std::string announce_path(const char* event, uint32_t numwant) const {
    const proto::AnnounceRequest& request = target_.announce;
    return target_.url.path + "?info_hash=" + percent_encoded(request.info_hash.bytes) +
           "&peer_id=" + percent_encoded(request.peer_id) + "&port=" + std::to_string(request.port) +
           "&uploaded=0&downloaded=0&left=" + std::to_string(request.left) +
           "&compact=1&numwant=" + std::to_string(numwant) + "&event=" + event;
  }

  bool announce() {
    return step("announce", announce_path("started", target_.announce.numwant.value_or(50)),
                [&](const std::string& body) {
                  auto told = parse_announce_body(body);
                  if (!told) return told.error().message;
                  report_.announce = std::move(*told);
                  return std::string();
                });
  }

  void scrape() {
    const auto path = scrape_path(target_.url.path);
    if (!path) {
      report_.steps.push_back(
          {"scrape", 0, "cannot scrape: the last part of the path is not \"announce\" (BEP 48)"});
      return;
    }
    step("scrape", *path + "?info_hash=" + percent_encoded(target_.hash.bytes), [&](const std::string& body) {
      const auto told = parse_scrape_body(body, target_.hash);
      if (!told) return told.error().message;
      report_.scrape = *told;
      return std::string();
    });
  }

  void stop() {
    step("stopped", announce_path("stopped", 0), [](const std::string& body) {
      const auto told = parse_announce_body(body);
      return told ? std::string() : told.error().message;
    });
  }

  const ProbeTarget& target_;
  TlsAsk tls_;
  bool tickets_expected_ = false;
  ProbeReport report_;
};

}  // namespace

ProbeReport probe_http(const ProbeTarget& target) { return HttpProbe(target).run(); }

common::Result<bool> probe_resumes(const common::Endpoint& server, const ProbeTarget& target,
                                   SSL_SESSION* ticket) {
  TlsAsk ask;
  ask.client = target.tls;
  ask.host = target.tls_host;
  // A session holds what one connection needs of it: each attempt has its own.
  ask.ticket.reset(ticket == nullptr ? nullptr : SSL_SESSION_dup(ticket));
  const auto reply = http_get(server, host_of(target), "/scrape", target.timeout, &ask);
  if (!reply) return tl::make_unexpected(reply.error());
  return ask.resumed;
}

}  // namespace shoal::node
