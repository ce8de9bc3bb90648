// Options: everything an operator can set, from the TOML file, the environment and the command line. Plain
// values; the rows of option_table.cc say what each means, what is allowed and what the default is. An
// Options made here is empty: resolve_options() fills in the defaults.

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

// Which swarms are served: all, only those on the access list, or all but those on it.
enum class AccessMode : uint8_t { open, allow, deny };

// Which clients may name another address than their own by ip=, ipv4= or ipv6=.
enum class IpParam : uint8_t { ignore, trusted, any };

// Whether a node is ready that names other nodes and has met none of them.
enum class ReadyAlone : uint8_t { always, held, never };

// How a program is attached to a network interface: in its driver, before the kernel's stack, or whichever
// works.
enum class XdpMode : uint8_t { automatic, native, generic };
// The oldest version of TLS that is spoken.
enum class TlsVersion : uint8_t { v1_2, v1_3 };

// What the lines of a feed name.
enum class FeedKind : uint8_t { networks, hashes };

// One of access.feeds: a list that is fetched again and again.
struct FeedSource {
  std::string name;
  FeedKind kind{};
  uint32_t refresh_s{};
  std::string place;  // a URL, or the absolute path of a file
  bool is_file() const { return place.starts_with('/'); }
  bool operator==(const FeedSource&) const = default;
};
// What is done with clients that go too far: nothing, only said, or a ban.
enum class BanMode : uint8_t { off, log, on };

struct Options {
  struct Node {
    std::string name;
    uint32_t workers{};
    bool pin_workers{};
    std::string user;
    std::string chroot;
    bool confine_calls{};
    bool confine_files{};
    uint32_t drain_s{};
    ReadyAlone ready_alone{};
    std::string snapshot;
    uint32_t snapshot_interval_s{};
    common::LogLevel log_level{};
    common::LogFormat log_format{};
    bool operator==(const Node&) const = default;
  } node;

  struct Tracker {
    std::vector<common::Endpoint> udp;
    std::vector<common::Endpoint> http;
    std::vector<common::Endpoint> https;
    std::vector<std::string> tls_certificates;
    std::vector<std::string> tls_keys;
    bool http_keep_alive{};
    uint32_t interval_s{};
    double interval_jitter{};
    uint32_t min_interval_s{};
    uint32_t target_rps{};
    uint32_t interval_max_s{};
    uint32_t peer_timeout_s{};
    uint32_t numwant_default{};
    uint32_t numwant_max{};
    uint32_t numwant_max_udp{};
    uint32_t numwant_max_http{};
    IpParam ip_param{};
    std::string warning;
    std::string redirect_url;
    bool full_scrape{};
    uint32_t full_scrape_interval_s{};
    bool websocket{};
    bool operator==(const Tracker&) const = default;
  } tracker;

  struct Access {
    AccessMode mode{};
    std::string file;
    std::string state_file;
    std::string fifo_add;
    std::string fifo_delete;
    std::vector<std::string> clients_allow;
    std::vector<std::string> clients_deny;
    std::vector<common::Network> deny_networks;
    std::vector<std::string> deny_network_files;
    std::vector<FeedSource> feeds;
    std::string feed_folder;
    std::string feed_ca_file;
    std::vector<std::string> geo_databases;
    std::vector<std::string> deny_countries;
    std::vector<uint32_t> deny_asns;
    bool geo_counts{};
    bool private_addresses{};
    std::vector<common::Network> trusted_proxies;
    std::string client_header;
    bool proxy_protocol{};
    bool operator==(const Access&) const = default;
  } access;

  struct Limits {
    uint32_t swarms{};
    uint32_t peers{};
    uint32_t peers_per_swarm{};
    uint32_t memory_mb{};
    uint32_t connections{};
    uint32_t connections_per_address{};
    uint32_t requests_per_s_per_address{};
    uint32_t requests_per_s_per_prefix{};
    bool operator==(const Limits&) const = default;
  } limits;

  struct Bans {
    BanMode mode{};
    uint32_t window_s{};
    uint32_t over_rate{};
    uint32_t new_swarms{};
    uint32_t ports_per_swarm{};
    uint32_t malformed{};
    uint32_t full_scrapes{};
    uint32_t first_s{};
    uint32_t second_s{};
    uint32_t third_s{};
    uint32_t longest_s{};
    std::vector<common::Network> exempt;
    bool operator==(const Bans&) const = default;
  } bans;

  struct Sync {
    std::optional<common::Endpoint> listen;
    std::optional<common::Endpoint> advertise;
    std::vector<HostPort> peers;
    std::vector<MulticastGroup> multicast;
    uint32_t pace_mbit_s{};
    std::string cluster;
    std::string site;
    std::vector<std::string> key_files;
    bool insecure{};
    uint32_t donate_mbit_s{};
    bool operator==(const Sync&) const = default;
  } sync;

  struct Admin {
    std::optional<common::Endpoint> listen;
    bool tls{};
    std::string token_file;
    std::vector<std::string> hosts;
    std::string member_url;
    std::string export_file;
    uint32_t export_interval_s{};
    proto::DumpFormat export_format{};
    bool operator==(const Admin&) const = default;
  } admin;

  struct Stats {
    std::string path;
    std::vector<common::Network> networks;
    bool operator==(const Stats&) const = default;
  } stats;

  struct Xdp {
    std::vector<std::string> interfaces;
    XdpMode mode{};
    bool operator==(const Xdp&) const = default;
  } xdp;
  struct Tls {
    TlsVersion min_version{};
    bool operator==(const Tls&) const = default;
  } tls;

  struct Websocket {
    std::vector<std::string> origins;
    uint32_t interval_s{};
    uint32_t offers_per_announce{};
    uint32_t swarms_per_connection{};
    bool operator==(const Websocket&) const = default;
  } websocket;

  bool operator==(const Options&) const = default;
};

}  // namespace shoal::node
