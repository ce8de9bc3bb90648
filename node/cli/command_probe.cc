#include <sodium.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "common/check.h"
#include "node/cli/command_probe_all.h"
#include "node/cli/commands.h"
#include "node/cli/terminal.h"
#include "node/probe/probe.h"
#include "node/text/printable.h"
#include "node/text/text_table.h"
#include "node/tls/tls_client.h"

namespace shoal::node {

namespace {

constexpr const char* kProbeExamples = R"(
Examples:
  shoal probe udp://127.0.0.1:6969
  shoal probe http://tracker.example:6969/announce --hash 0123456789abcdef0123456789abcdef01234567
  shoal probe https://tracker.example/announce --ca authority.pem
  shoal probe --all tracker.example           all addresses of the name, on port 6969
  shoal probe --all https://tracker.example   the same over HTTPS, on port 443
  shoal probe --all 192.0.2.1:6969 192.0.2.2:6969 --admin 127.0.0.1:9697

The probe announces a leecher on port 6881 and stops it at the end.
Exit code 0: the tracker answered connect, announce, scrape and stop correctly. With --all: every address
did so, over UDP and HTTP, learnt in time what was announced to the others, and accepted a connection id
from another. Over HTTPS the certificate must be valid for the name, and TLS sessions must be resumed, with
--all by every other address. --admin adds the members that this node knows: the addresses of their sync channels, with
the port of the first name.)";

using nlohmann::json;

// As CLI11 reads them.
struct ProbeArguments {
  std::vector<std::string> targets;
  bool all = false;
  std::vector<std::string> admins;
  std::string protocol;
  std::string ca;
  std::string hash;
  uint32_t timeout_ms = 2000;
  uint32_t agree_ms = 5000;
  bool json = false;
};

struct ProbeRequest {
  std::string url;
  std::optional<std::string> hash;  // none: a random one
  std::chrono::milliseconds timeout;
  std::string ca;
  bool json = false;
};

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
    if (step.name == "resume" && step.error.empty()) {
      std::printf("%-9s          ok  %s session resumed\n", step.name.c_str(), report.tls_protocol.c_str());
    } else if (step.error.empty()) {
      std::printf("%-9s %8.2f ms", step.name.c_str(), step.round_trip_ms);
      print_details(step, report);
    } else {
      std::printf("%-9s   %s     %s\n", step.name.c_str(),
                  toned("FAILED", Tone::bad, colours_output()).c_str(), step.error.c_str());
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
  if (target.url.tls) document["tls"] = report.tls_protocol;
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

int probe_one(const ProbeRequest& request) {
  auto target = target_of(request);
  if (!target) return failed(request.json, target.error().message);
  std::optional<TlsClient> tls;
  if (target->url.tls) {
    auto made = TlsClient::make(request.ca);
    if (!made) return failed(request.json, made.error().message);
    tls.emplace(std::move(*made));
    target->tls = &*tls;
  }
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

int run_probe(const ProbeArguments& arguments, bool has_hash) {
  const std::optional<std::string> hash = has_hash ? std::optional(arguments.hash) : std::nullopt;
  const std::chrono::milliseconds timeout(arguments.timeout_ms);
  if (arguments.all) {
    if (!arguments.targets.empty() || !arguments.admins.empty()) {
      return command_probe_all({arguments.targets, arguments.admins, hash, arguments.protocol, timeout,
                                std::chrono::milliseconds(arguments.agree_ms), arguments.json, arguments.ca});
    }
  } else if (arguments.targets.size() == 1) {
    return probe_one({arguments.targets[0], hash, timeout, arguments.ca, arguments.json});
  }
  return failed(arguments.json,
                arguments.all ? "at least one name or --admin is needed; see `shoal probe --help`"
                              : "exactly one URL is needed, or --all and names; see `shoal probe --help`",
                kExitUsage);
}

}  // namespace

Command probe_command(CLI::App& shoal) {
  CLI::App* app = shoal.add_subcommand("probe", "Query a tracker as a client would, and time its answers");
  app->footer(kProbeExamples);
  auto request = std::make_shared<ProbeArguments>();
  app->add_option("target", request->targets,
                  "udp://HOST:PORT, http://HOST:PORT/announce or https://HOST/announce; with --all: "
                  "NAME[:PORT]... or https://NAME[:PORT]")
      ->type_name("TARGET");
  CLI::Option* all = app->add_flag(
      "--all", request->all, "Query all addresses of all names, and check that they act as one tracker");
  app->add_option("--admin", request->admins,
                  "With --all: admin.listen of a node whose members are queried, too")
      ->type_name("HOST:PORT")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
      ->needs(all);
  app->add_option("--protocol", request->protocol, "With --all: use only udp or http")
      ->type_name("PROTOCOL")
      ->check(one_of({"udp", "http"}))
      ->needs(all);
  const CLI::Option* hash =
      app->add_option("--hash", request->hash,
                      "info_hash in hexadecimal, by default random; with --all, of a swarm without peers")
          ->type_name("HASH");
  app->add_option("--timeout-ms", request->timeout_ms, "Time limit for each step, 1 to 60000; default 2000")
      ->type_name("N")
      ->check(CLI::Range(1, 60000));
  app->add_option("--agree-ms", request->agree_ms,
                  "With --all: time in which all addresses must learn an announce, 1 to 600000; default 5000")
      ->type_name("N")
      ->check(CLI::Range(1, 600000))
      ->needs(all);
  app->add_option("--ca", request->ca,
                  "https: PEM file of the authorities to trust, by default those of the system")
      ->type_name("FILE");
  app->add_flag("--json", request->json, "Print JSON");
  return {app, [hash, request] { return run_probe(*request, hash->count() > 0); }};
}

}  // namespace shoal::node
