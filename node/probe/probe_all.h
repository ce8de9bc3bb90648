// Asks many addresses of one tracker as clients would, and says whether they behave as one: each answers,
// what is announced to one is soon known to all, and all accept a connection id of one (BEP 15 clients may be
// sent to another node within two minutes). Blocking, with threads of its own; for the command `shoal probe
// --all` only.

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
  std::optional<common::InfoHash>
      hash;                             // a swarm that nobody else is in; none: a random one for each address
  std::chrono::milliseconds timeout{};  // for each step
  std::chrono::milliseconds agree_within{};
  bool udp = true;
  bool http = true;
};

struct ProbedAddress {
  common::Endpoint address;
  std::optional<ProbeReport> udp;  // none: was not asked
  std::optional<ProbeReport> http;
  size_t seen = 0;                       // of the announces that were answered, wherever: those that it knows
  size_t announced = 0;                  // so many were answered
  std::vector<common::Endpoint> unseen;  // where the others were announced; empty with ProbePlan::hash
  std::chrono::milliseconds seen_after{0};  // since the last announce was answered, when it knows all
  std::optional<bool> shares_id;  // takes the connection id of the first of its family; none: is that

  bool answers() const;
  bool ok() const;
};

// In the order of the plan. Stops every peer that it has announced.
std::vector<ProbedAddress> probe_all(const ProbePlan& plan);

struct NamedAddress {
  std::string name;
  common::Endpoint address;
};

// The members of /v1/members, at the addresses of their sync channels but with this port. Pure; the document
// may have any shape.
std::vector<NamedAddress> member_addresses(const nlohmann::json& document, uint16_t port);

}  // namespace shoal::node
