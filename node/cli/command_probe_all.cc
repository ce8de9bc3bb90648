#include "node/cli/command_probe_all.h"

#include <algorithm>
#include <cstdio>
#include <map>
#include <optional>

#include "node/cli/commands.h"
#include "node/cli/terminal.h"
#include "node/config/option_values.h"
#include "node/probe/client_socket.h"
#include "node/probe/probe_all.h"
#include "node/text/printable.h"
#include "node/text/text_table.h"
#include "node/tls/tls_client.h"

namespace shoal::node {

namespace {

using common::Endpoint;
using nlohmann::json;

constexpr uint16_t kDefaultPort = 6969;
constexpr size_t kProbedNameMax = 16;  // of a node, in the table

constexpr std::string_view kHttps = "https://";
constexpr uint16_t kHttpsPort = 443;

common::Result<HostPort> read_name(std::string text) {
  uint16_t default_port = kDefaultPort;
  if (text.starts_with(kHttps)) {
    text.erase(0, kHttps.size());
    if (text.ends_with('/')) text.pop_back();
    default_port = kHttpsPort;
  }
  if (const auto address = common::parse_address(text)) return HostPort{text, default_port};
  auto server = parse_host_port(text);
  if (!server) server = parse_host_port(text + ":" + std::to_string(default_port));
  if (server) return *server;
  return common::fail("\"" + printable(text, 80) +
                      "\" is not allowed: NAME or NAME:PORT, or https:// before it");
}

// The addresses to ask, and the node's name where a member list gave it.
class Addresses {
 public:
  // Adds all A and AAAA records of a name.
  common::Result<void> add_name(const std::string& text) {
    const auto server = read_name(text);
    if (!server) return tl::make_unexpected(server.error());
    if (found_.empty()) port_ = server->port;
    const auto resolved = resolve(*server, Transport::udp);
    if (!resolved) return common::fail(to_string(*server) + ": " + resolved.error().message);
    for (const Endpoint& address : *resolved) add(address);
    return {};
  }

  // Adds all members that a node knows, with the port of the first name.
  common::Result<void> add_members(const std::string& text) {
    const auto admin = read_admin(text);
    if (!admin) return tl::make_unexpected(admin.error());
    const auto members = admin_get(*admin, "/v1/members");
    if (!members) return common::fail(to_string(*admin) + ": " + members.error().message);
    for (const auto& [name, address] : member_addresses(*members, port_)) {
      add(address);
      names_[address] = name;
    }
    return {};
  }

  const std::vector<Endpoint>& found() const { return found_; }
  std::string name(const Endpoint& address) const {
    const auto known = names_.find(address);
    return known == names_.end() ? "" : known->second;
  }

 private:
  void add(const Endpoint& address) {
    if (std::find(found_.begin(), found_.end(), address) == found_.end()) found_.push_back(address);
  }

  uint16_t port_ = kDefaultPort;
  std::vector<Endpoint> found_;
  std::map<Endpoint, std::string> names_;
};

// Whether the probe goes over https. A certificate is that of one name, so there can be only one.
common::Result<bool> reads_tls(const ProbeAllRequest& request) {
  const auto is_https = [](const std::string& name) { return name.starts_with(kHttps); };
  if (std::none_of(request.names.begin(), request.names.end(), is_https)) return false;
  if (request.names.size() > 1)
    return common::fail("one https://NAME is probed at a time, without other names");
  if (!request.protocol.empty()) return common::fail("--protocol does not go with https://NAME");
  return true;
}

common::Result<ProbePlan> plan_of(const ProbeAllRequest& request, Addresses& addresses) {
  ProbePlan plan;
  plan.timeout = request.timeout;
  plan.agree_within = request.agree_within;
  plan.udp = request.protocol != "http";
  plan.http = request.protocol != "udp";
  if (request.hash) {
    plan.hash = common::info_hash_from_hex(*request.hash);
    if (!plan.hash)
      return common::fail("--hash: \"" + printable(*request.hash, 80) +
                          "\" is not allowed: 40 hexadecimal digits");
  }
  if (const auto tls = reads_tls(request); !tls) {
    return tl::make_unexpected(tls.error());
  } else if (*tls) {
    plan.udp = false;
    plan.http = true;
    plan.tls_host = read_name(request.names[0]).value_or(HostPort()).host;
  }
  for (const std::string& name : request.names) {
    if (auto added = addresses.add_name(name); !added) return tl::make_unexpected(added.error());
  }
  for (const std::string& admin : request.admins) {
    if (auto added = addresses.add_members(admin); !added) return tl::make_unexpected(added.error());
  }
  plan.addresses = addresses.found();
  if (plan.addresses.empty())
    return common::fail("no address to ask: no name was given, and the node knows no members");
  if (plan.addresses.size() > kProbeAllMax) {
    return common::fail(std::to_string(plan.addresses.size()) + " addresses are too many: at most " +
                        std::to_string(kProbeAllMax));
  }
  return plan;
}

// The error of the first step that failed; empty: none.
std::string error_of(const ProbeReport& report) {
  for (const ProbeStep& step : report.steps) {
    if (!step.error.empty()) return step.error;
  }
  return report.ok() ? "" : "nothing was asked";
}

// The round trip of the announce.
double round_trip_ms(const ProbeReport& report) {
  for (const ProbeStep& step : report.steps) {
    if (step.name == "announce") return step.round_trip_ms;
  }
  return 0;
}

TextCell protocol_cell(const std::optional<ProbeReport>& report) {
  if (!report) return "-";
  if (!report->ok()) return {"FAILED", Tone::bad};
  char text[32];
  std::snprintf(text, sizeof text, "%.1f ms", round_trip_ms(*report));
  return {text, Tone::good};
}

TextCell session_cell(const ProbedAddress& one) {
  if (!one.resume_error.empty()) return {"FAILED", Tone::bad};
  if (!one.resumes) return "-";
  return *one.resumes ? TextCell("resumed") : TextCell("NOT RESUMED", Tone::bad);
}

TextCell connection_id_cell(const ProbedAddress& one) {
  if (!one.shares_id) return "-";
  return *one.shares_id ? TextCell("shared") : TextCell("NOT SHARED", Tone::bad);
}

void print_text(const std::vector<ProbedAddress>& probed, const Addresses& addresses, bool tls) {
  std::vector<TextRow> rows = {
      {"ADDRESS", "NODE", "UDP", tls ? "HTTPS" : "HTTP", "SEES", "AFTER", tls ? "SESSION" : "CONNECTION ID"}};
  std::string notes;
  const auto note = [&](const ProbedAddress& one, const std::string& text) {
    notes += common::to_string(one.address) + ": " + text + "\n";
  };
  for (const ProbedAddress& one : probed) {
    const bool agrees = one.announced > 0 && one.seen == one.announced;
    const std::string name = addresses.name(one.address);
    const std::string sees =
        one.announced == 0 ? "-" : std::to_string(one.seen) + " of " + std::to_string(one.announced);
    const bool misses = one.announced > 0 && !agrees;
    rows.push_back({common::to_string(one.address),
                    name.empty() ? "-" : shortened(name, kProbedNameMax),
                    protocol_cell(one.udp),
                    protocol_cell(one.http),
                    {sees, misses ? Tone::bad : Tone::plain},
                    agrees ? std::to_string(one.seen_after.count()) + " ms" : "-",
                    tls ? session_cell(one) : connection_id_cell(one)});
    if (one.udp && !one.udp->ok()) note(one, "UDP: " + error_of(*one.udp));
    if (one.http && !one.http->ok()) note(one, (tls ? "HTTPS: " : "HTTP: ") + error_of(*one.http));
    for (const Endpoint& other : one.unseen)
      note(one, "does not know what was announced to " + common::to_string(other));
    if (!one.resume_error.empty()) note(one, "TLS session: " + one.resume_error);
    if (!one.resumes.value_or(true)) note(one, "does not resume a TLS session of the first address");
    if (!one.shares_id.value_or(true)) note(one, "rejects a connection id of the first address");
  }
  std::printf("%s%s", text_table(rows, colours_output()).c_str(), notes.c_str());
}

json protocol_json(const std::optional<ProbeReport>& report) {
  if (!report) return nullptr;
  if (!report->ok()) return {{"ok", false}, {"error", error_of(*report)}};
  return {{"ok", true}, {"round_trip_ms", round_trip_ms(*report)}};
}

json as_json(const std::vector<ProbedAddress>& probed, const Addresses& addresses) {
  json list = json::array();
  for (const ProbedAddress& one : probed) {
    json unseen = json::array();
    for (const Endpoint& other : one.unseen) unseen.push_back(common::to_string(other));
    const std::string name = addresses.name(one.address);
    const bool agrees = one.announced > 0 && one.seen == one.announced;
    list.push_back({{"address", common::to_string(one.address)},
                    {"node", name.empty() ? json(nullptr) : json(name)},
                    {"ok", one.ok()},
                    {"udp", protocol_json(one.udp)},
                    {"http", protocol_json(one.http)},
                    {"announced", one.announced},
                    {"seen", one.seen},
                    {"unseen", std::move(unseen)},
                    {"seen_after_ms", agrees ? json(one.seen_after.count()) : json(nullptr)},
                    {"resumes", one.resumes ? json(*one.resumes) : json(nullptr)},
                    {"resume_error", one.resume_error.empty() ? json(nullptr) : json(one.resume_error)},
                    {"shares_connection_id", one.shares_id ? json(*one.shares_id) : json(nullptr)}});
  }
  return {{"addresses", std::move(list)}};
}

}  // namespace

int command_probe_all(const ProbeAllRequest& request) {
  Addresses addresses;
  auto plan = plan_of(request, addresses);
  if (!plan) return failed(request.json, plan.error().message);
  std::optional<TlsClient> tls;
  if (!plan->tls_host.empty()) {
    auto made = TlsClient::make(request.ca);
    if (!made) return failed(request.json, made.error().message);
    tls.emplace(std::move(*made));
    plan->tls = &*tls;
  }
  const std::vector<ProbedAddress> probed = probe_all(*plan);
  const auto wrong =
      std::count_if(probed.begin(), probed.end(), [](const ProbedAddress& one) { return !one.ok(); });
  const std::string error =
      std::to_string(wrong) + " of " + std::to_string(probed.size()) + " addresses failed";
  const bool wants_hash = !request.hash && std::any_of(probed.begin(), probed.end(), [](const auto& one) {
    return (one.udp && one.udp->refused()) || (one.http && one.http->refused());
  });
  if (request.json) {
    json document = as_json(probed, addresses);
    document["ok"] = wrong == 0;
    if (wrong > 0) document["error"] = error;
    if (wants_hash) document["hint"] = kHashHint;
    print_json(document);
  } else {
    print_text(probed, addresses, plan->tls != nullptr);
  }
  if (wrong == 0) return kExitOk;
  print_error(error);
  if (wants_hash) print_error(kHashHint);
  return kExitFailed;
}

}  // namespace shoal::node
