// Queries many addresses of one tracker as clients would, and reports whether they act as one tracker: each
// one answers, all soon know what was announced to one, all resume a TLS session of one, and all accept a
// connection id from one (a load balancer may send a BEP 15 client to another node within two minutes).
// Blocks, with its own threads; only for the command `shoal probe
// --all`.

#pragma once

#include <chrono>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "common/endpoint.h"
#include "node/probe/probe.h"

namespace shoal::node {

constexpr size_t kProbeAllMax = 64;  // addresses

struct ProbePlan {
  std::vector<common::Endpoint> addresses;  // at most kProbeAllMax
  // A swarm without other peers; none: a random one for each address.
  std::optional<common::InfoHash> hash;
  std::chrono::milliseconds timeout{};  // for each step
  std::chrono::milliseconds agree_within{};
  bool udp = true;
  bool http = true;
  // Not null: over https alone, and the certificate must be that of `tls_host`.
  const TlsClient* tls = nullptr;
  std::string tls_host;
};

struct ProbedAddress {
  common::Endpoint address;
  std::optional<ProbeReport> udp;  // none: not asked
  std::optional<ProbeReport> http;
  size_t seen = 0;                       // of the announced peers, those that this address knows
  size_t announced = 0;                  // the announces that any address answered
  std::vector<common::Endpoint> unseen;  // the addresses of the other announces; empty with ProbePlan::hash
  std::chrono::milliseconds seen_after{0};  // from the last answer until this address knew all
  std::optional<bool> resumes;  // https: the session of the first address; none: is that address, or unknown
  std::string resume_error;     // why that is unknown; empty: it is not
  std::optional<bool> shares_id;  // accepts the id of its family's first address; none: is that address

  bool answers() const;
  bool ok() const;
};

// Returns results in the order of the plan. Stops all peers that it announced.
std::vector<ProbedAddress> probe_all(const ProbePlan& plan);

struct NamedAddress {
  std::string name;
  common::Endpoint address;
};

// Returns the members of /v1/members with the addresses of their sync channels and this port. Pure. Accepts
// documents of any shape.
std::vector<NamedAddress> member_addresses(const nlohmann::json& document, uint16_t port);

}  // namespace shoal::node
