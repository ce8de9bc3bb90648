// `shoal probe --all`: queries all addresses of all names, and checks that they act as one tracker.

#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace shoal::node {

// For a probe whose announce was refused, without --hash.
constexpr std::string_view kHashHint =
    "the info_hash was random: a tracker that serves only the swarms on its list needs --hash with one of "
    "them";

struct ProbeAllRequest {
  std::vector<std::string> names;   // NAME or NAME:PORT; or one https://NAME[:PORT]
  std::vector<std::string> admins;  // nodes whose members are probed, too
  std::optional<std::string> hash;
  std::string protocol;  // "udp" or "http"; empty: both
  std::chrono::milliseconds timeout{2000};
  std::chrono::milliseconds agree_within{5000};
  bool json = false;
  std::string ca;  // for https; empty: the system's
};

// Prints the result. Returns the exit code.
int command_probe_all(const ProbeAllRequest& request);

}  // namespace shoal::node
