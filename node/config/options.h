// Options: everything an operator can set, from the TOML file, the environment and the command line.

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/endpoint.h"
#include "common/log.h"
#include "common/network.h"
#include "common/result.h"
#include "node/net/addresses.h"
#include "proto/dump_format.h"

namespace shoal::node {

// Which swarms are served: all, only those on the access list, or all but those.
enum class AccessMode : uint8_t { open, allow, deny };

// Whether a client is believed that says by ip=, ipv4= or ipv6= where it is to be found.
enum class IpParam : uint8_t { ignore, trusted, any };

struct Options {
  struct Node {
    std::string name;  // host name
    uint32_t workers = 0;
    bool pin_workers = false;
    std::string user;
    std::string chroot;
    uint32_t drain_s = 5;
    std::string snapshot;                // path; empty: none
    uint32_t snapshot_interval_s = 300;  // 0: on exit only
    common::LogLevel log_level = common::LogLevel::info;
    common::LogFormat log_format = common::LogFormat::text;
    bool operator==(const Node&) const = default;
  } node;

  struct Tracker {
    std::vector<common::Endpoint> udp;
    std::vector<common::Endpoint> http;
    uint32_t interval_s = 1800;
    double interval_jitter = 0.1;
    uint32_t min_interval_s = 0;     // 0: not told
    uint32_t target_rps = 0;         // 0: the interval is not adapted
    uint32_t interval_max_s = 2100;  // when it is
    uint32_t peer_timeout_s = 2700;
    uint32_t numwant_default = 50;
    uint32_t numwant_max = 200;
    uint32_t numwant_max_udp = 0;   // 0: numwant_max
    uint32_t numwant_max_http = 0;  // 0: numwant_max
    IpParam ip_param = IpParam::ignore;
    std::string warning;       // empty: none
    std::string redirect_url;  // empty: none
    bool full_scrape = false;
    uint32_t full_scrape_interval_s = 300;  // 0: any time
    bool operator==(const Tracker&) const = default;
  } tracker;

  struct Access {
    AccessMode mode = AccessMode::open;
    std::string file;         // path; empty: none
    std::string state_file;   // path; empty: none
    std::string fifo_add;     // path; empty: none
    std::string fifo_delete;  // path; empty: none
    std::vector<std::string> clients_allow;
    std::vector<std::string> clients_deny;
    std::vector<common::Network> deny_networks;
    bool private_addresses = true;
    std::vector<common::Network> trusted_proxies;
    std::string client_header = "X-Forwarded-For";  // empty: none
    bool proxy_protocol = false;
    bool operator==(const Access&) const = default;
  } access;

  // Of each, 0: no limit, but for connections.
  struct Limits {
    uint32_t swarms = 100'000'000;
    uint32_t peers = 200'000'000;
    uint32_t peers_per_swarm = 0;
    uint32_t connections = 8192;
    uint32_t connections_per_address = 0;
    uint32_t requests_per_s_per_address = 0;
    uint32_t requests_per_s_per_prefix = 0;
    bool operator==(const Limits&) const = default;
  } limits;

  struct Sync {
    std::optional<common::Endpoint> listen;
    std::optional<common::Endpoint> advertise;
    std::vector<HostPort> peers;
    std::vector<MulticastGroup> multicast;
    uint32_t pace_mbit_s = 50;
    std::string cluster = "default";
    std::vector<std::string> key_files;
    bool insecure = false;
    uint32_t donate_mbit_s = 160;  // 0: no limit
    bool operator==(const Sync&) const = default;
  } sync;

  struct Admin {
    std::optional<common::Endpoint> listen;
    std::string token_file;   // path; empty: none
    std::string export_file;  // path; empty: none
    uint32_t export_interval_s = 3600;
    proto::DumpFormat export_format = proto::DumpFormat::text;
    bool operator==(const Admin&) const = default;
  } admin;

  struct Stats {
    std::string path;  // empty: off
    std::vector<common::Network> networks;
    bool operator==(const Stats&) const = default;
  } stats;

  bool operator==(const Options&) const = default;
};

}  // namespace shoal::node
