#include <sodium.h>

#include <cstdio>
#include <nlohmann/json.hpp>

#include "common/check.h"
#include "node/cli/commands.h"
#include "node/probe/probe.h"
#include "node/text/printable.h"

namespace shoal::node {

namespace {

using nlohmann::json;

common::Result<ProbeTarget> target_of(const ProbeRequest& request) {
  CHECK_INVARIANT(sodium_init() >= 0);
  auto url = parse_tracker_url(request.url);
  if (!url) return tl::make_unexpected(url.error());
  ProbeTarget target;
  target.url = std::move(*url);
  target.timeout = request.timeout;
  if (request.hash) {
    const auto hash = common::info_hash_from_hex(*request.hash);
    if (!hash)
      return common::fail("--hash: \"" + printable(*request.hash, 80) +
                          "\" is not allowed: 40 hexadecimal digits");
    target.hash = *hash;
  } else {
    randombytes_buf(target.hash.bytes.data(), target.hash.bytes.size());
  }
  target.announce = probe_announce(target.hash);
  return target;
}

void print_details(const ProbeStep& step, const ProbeReport& report) {
  if (step.name == "announce" && report.announce) {
    const ProbeAnnounce& told = *report.announce;
    std::printf("  interval %lld s, %lld seeders, %lld leechers, %zu peers\n",
                static_cast<long long>(told.interval_s), static_cast<long long>(told.seeders),
                static_cast<long long>(told.leechers), told.peers_told);
    for (const common::Endpoint& peer : told.peers) std::printf("    %s\n", common::to_string(peer).c_str());
    if (told.peers_told > told.peers.size())
      std::printf("    and %zu more\n", told.peers_told - told.peers.size());
  } else if (step.name == "scrape" && report.scrape) {
    std::printf(
        "  %lld seeders, %lld leechers, %lld completed\n", static_cast<long long>(report.scrape->seeders),
        static_cast<long long>(report.scrape->leechers), static_cast<long long>(report.scrape->completed));
  } else {
    std::printf("\n");
  }
}

void print_text(const ProbeTarget& target, const ProbeRequest& request, const ProbeReport& report) {
  std::printf("%s", printable(request.url).c_str());
  if (report.server) std::printf(" (%s)", common::to_string(*report.server).c_str());
  std::printf(", info_hash %s\n", common::to_hex(target.hash).c_str());
  for (const ProbeStep& step : report.steps) {
    if (step.error.empty()) {
      std::printf("%-9s %8.2f ms", step.name.c_str(), step.round_trip_ms);
      print_details(step, report);
    } else {
      std::printf("%-9s   FAILED     %s\n", step.name.c_str(), step.error.c_str());
    }
  }
}

// The first error; empty: none.
std::string error_of(const ProbeRequest& request, const ProbeReport& report) {
  for (const ProbeStep& step : report.steps) {
    if (!step.error.empty()) return printable(request.url) + ": " + step.name + ": " + step.error;
  }
  return report.ok() ? "" : printable(request.url) + ": nothing was asked";
}

bool wants_hash(const ProbeRequest& request, const ProbeReport& report) {
  return !request.hash && report.refused();
}

json as_json(const ProbeTarget& target, const ProbeRequest& request, const ProbeReport& report) {
  auto document = json{{"url", printable(request.url)},
                       {"info_hash", common::to_hex(target.hash)},
                       {"ok", report.ok()},
                       {"steps", json::array()}};
  if (report.server) document["server"] = common::to_string(*report.server);
  for (const ProbeStep& step : report.steps) {
    auto shown = json{{"name", step.name}, {"ok", step.error.empty()}};
    if (step.error.empty()) shown["round_trip_ms"] = step.round_trip_ms;
    if (!step.error.empty()) shown["error"] = step.error;
    document["steps"].push_back(std::move(shown));
  }
  if (report.announce) {
    const ProbeAnnounce& told = *report.announce;
    auto peers = json::array();
    for (const common::Endpoint& peer : told.peers) peers.push_back(common::to_string(peer));
    document["announce"] = {{"interval_s", told.interval_s},
                            {"seeders", told.seeders},
                            {"leechers", told.leechers},
                            {"peers", std::move(peers)}};
  }
  if (report.scrape) {
    document["scrape"] = {{"seeders", report.scrape->seeders},
                          {"leechers", report.scrape->leechers},
                          {"completed", report.scrape->completed}};
  }
  if (!report.ok()) document["error"] = error_of(request, report);
  if (wants_hash(request, report)) document["hint"] = kHashHint;
  return document;
}

}  // namespace

int command_probe(const ProbeRequest& request) {
  const auto target = target_of(request);
  if (!target) return failed(request.json, target.error().message);
  const ProbeReport report = target->url.udp ? probe_udp(*target) : probe_http(*target);
  if (request.json) {
    print_json(as_json(*target, request, report));
  } else {
    print_text(*target, request, report);
  }
  if (report.ok()) return kExitOk;
  print_error(error_of(request, report));
  if (wants_hash(request, report)) print_error(kHashHint);
  return kExitFailed;
}

}  // namespace shoal::node
