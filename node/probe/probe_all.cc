#include "node/probe/probe_all.h"

#include <sodium.h>

#include <algorithm>
#include <future>
#include <thread>

#include "common/check.h"
#include "node/config/option_values.h"
#include "node/text/json_field.h"

namespace shoal::node {

namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr milliseconds kPollInterval{100};
// A node does not answer a connection id that it rejects.
constexpr milliseconds kIdTimeout{1'000};
constexpr size_t kNameMax = 64;

class ProbeAll {
 public:
  explicit ProbeAll(const ProbePlan& plan) : plan_(plan) {
    CHECK_INVARIANT(sodium_init() >= 0);
    for (const common::Endpoint& address : plan.addresses) {
      Asked asked;
      asked.result.address = address;
      asked.target.url.server = {common::address_to_string(address), address.port};
      asked.target.url.path = "/announce";
      asked.target.url.tls = plan.tls != nullptr;
      asked.target.tls = plan.tls;
      asked.target.tls_host = plan.tls_host;
      asked.target.timeout = plan.timeout;
      asked.target.stops = false;
      if (plan.hash) {
        asked.target.hash = *plan.hash;
      } else {
        randombytes_buf(asked.target.hash.bytes.data(), asked.target.hash.bytes.size());
      }
      asked.target.announce = probe_announce(asked.target.hash);
      // Peers of one swarm must differ.
      asked.target.announce.port = static_cast<uint16_t>(asked.target.announce.port + asked_.size());
      asked_.push_back(std::move(asked));
    }
  }

  std::vector<ProbedAddress> run() {
    announce();
    compare();
    try_connection_ids();
    try_resumption();
    stop();
    std::vector<ProbedAddress> results;
    for (Asked& asked : asked_) results.push_back(std::move(asked.result));
    return results;
  }

 private:
  struct Asked {
    ProbeTarget target;
    ProbedAddress result;
    std::vector<const Asked*> unseen;
  };

  static bool ok(const std::optional<ProbeReport>& report) { return report && report->ok(); }

  // Uses the protocol over which the address answered.
  static ProbeReport ask(const Asked& asked, ProbeTarget target) {
    if (!ok(asked.result.udp)) return probe_http(target);
    target.connection_id = asked.result.udp->connection_id;
    return probe_udp(target);
  }

  void announce() {
    std::vector<std::future<void>> running;
    for (Asked& asked : asked_) {
      running.push_back(std::async(std::launch::async, [&asked, this] {
        if (plan_.udp) asked.result.udp = probe_udp(asked.target);
        if (plan_.http) asked.result.http = probe_http(asked.target);
      }));
    }
    for (auto& one : running) one.get();
  }

  // Scrapes an address. True: it knows everything that was announced.
  bool knows_all(Asked& asked) const {
    ProbeTarget target = asked.target;
    target.announces = false;
    if (plan_.hash) {
      const ProbeReport report = ask(asked, target);
      const auto leechers = report.scrape ? std::max<int64_t>(0, report.scrape->leechers) : 0;
      asked.result.seen = std::min(asked.result.announced, static_cast<size_t>(leechers));
      return asked.result.seen == asked.result.announced;
    }
    std::erase_if(asked.unseen, [&](const Asked* other) {
      target.hash = other->target.hash;
      const ProbeReport report = ask(asked, target);
      return report.scrape && report.scrape->leechers > 0;
    });
    asked.result.seen = asked.result.announced - asked.unseen.size();
    return asked.unseen.empty();
  }

  void compare() {
    const auto begun = steady_clock::now();
    std::vector<Asked*> waiting;
    for (Asked& asked : asked_) {
      if (asked.result.answers()) waiting.push_back(&asked);
    }
    for (Asked* asked : waiting) {
      asked->unseen.assign(waiting.begin(), waiting.end());
      asked->result.announced = waiting.size();
    }
    for (;;) {
      std::erase_if(waiting, [&](Asked* asked) {
        if (!knows_all(*asked)) return false;
        asked->result.seen_after = std::chrono::duration_cast<milliseconds>(steady_clock::now() - begun);
        return true;
      });
      if (waiting.empty() || steady_clock::now() - begun > plan_.agree_within) break;
      std::this_thread::sleep_for(kPollInterval);
    }
    if (plan_.hash) return;
    for (Asked* asked : waiting) {
      for (const Asked* other : asked->unseen) asked->result.unseen.push_back(other->result.address);
    }
  }

  // A connection id is valid for one client address, so only addresses of one family can share it.
  void try_connection_ids() {
    for (const common::Family family : {common::Family::v4, common::Family::v6}) {
      std::optional<uint64_t> id;
      for (Asked& asked : asked_) {
        if (asked.result.address.family != family || !ok(asked.result.udp)) continue;
        if (!id) {
          id = asked.result.udp->connection_id;
          continue;
        }
        ProbeTarget target = asked.target;
        target.announces = false;
        target.connection_id = id;
        target.timeout = std::min(plan_.timeout, kIdTimeout);
        asked.result.shares_id = probe_udp(target).ok();
      }
    }
  }

  void try_resumption() {
    SSL_SESSION* ticket = nullptr;
    for (Asked& asked : asked_) {
      if (plan_.tls == nullptr || !ok(asked.result.http)) continue;
      if (ticket == nullptr) {
        ticket = asked.result.http->tls_ticket.get();
        continue;
      }
      const auto resumes = probe_resumes(asked.result.address, asked.target, ticket);
      if (resumes) asked.result.resumes = *resumes;
      if (!resumes) asked.result.resume_error = resumes.error().message;
    }
  }

  void stop() {
    std::vector<std::future<void>> running;
    for (const Asked& asked : asked_) {
      if (!asked.result.answers()) continue;
      running.push_back(std::async(std::launch::async, [&asked] {
        ProbeTarget target = asked.target;
        target.announces = target.scrapes = false;
        target.stops = true;
        ask(asked, target);
      }));
    }
    for (auto& one : running) one.get();
  }

  const ProbePlan& plan_;
  std::vector<Asked> asked_;
};

}  // namespace

bool ProbedAddress::answers() const { return (udp && udp->ok()) || (http && http->ok()); }

bool ProbedAddress::ok() const {
  return answers() && (!udp || udp->ok()) && (!http || http->ok()) && seen == announced &&
         shares_id.value_or(true) && resumes.value_or(true) && resume_error.empty();
}

std::vector<ProbedAddress> probe_all(const ProbePlan& plan) { return ProbeAll(plan).run(); }

std::vector<NamedAddress> member_addresses(const nlohmann::json& document, uint16_t port) {
  std::vector<NamedAddress> found;
  const auto& members = field(document, "members");
  if (!members.is_array()) return found;
  for (const auto& member : members) {
    const auto& address = field(member, "address");
    if (!address.is_string()) continue;
    auto endpoint = parse_unicast_address(address.get_ref<const std::string&>());
    if (!endpoint) continue;
    endpoint->port = port;
    if (found.size() < kProbeAllMax) found.push_back({text_of(field(member, "name"), kNameMax), *endpoint});
  }
  return found;
}

}  // namespace shoal::node
