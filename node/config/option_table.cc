#include "node/config/option_table.h"

#include <algorithm>
#include <array>

#include "node/config/option_values.h"

namespace shoal::node {

namespace {

template <class Field, class Value>
bool put(Field& field, const std::optional<Value>& value) {
  if (value) field = *value;
  return value.has_value();
}

// A value that is already in the list is not allowed: an address cannot be bound twice.
template <class Value>
bool add(std::vector<Value>& list, const std::optional<Value>& value) {
  if (!value || std::find(list.begin(), list.end(), *value) != list.end()) return false;
  list.push_back(*value);
  return true;
}

// "" turns an optional address off.
bool put_or_off(std::optional<common::Endpoint>& field, std::string_view text,
                std::optional<common::Endpoint> (*parse)(std::string_view)) {
  field = text.empty() ? std::nullopt : parse(text);
  return text.empty() || field;
}

bool put_text_if(std::string& field, std::string_view text, bool allowed) {
  if (allowed) field = text;
  return allowed;
}

std::optional<common::LogFormat> parse_log_format(std::string_view text) {
  if (text == "text") return common::LogFormat::text;
  if (text == "json") return common::LogFormat::json;
  return std::nullopt;
}

std::optional<IpParam> parse_ip_param(std::string_view text) {
  if (text == "ignore") return IpParam::ignore;
  if (text == "trusted") return IpParam::trusted;
  if (text == "any") return IpParam::any;
  return std::nullopt;
}

std::optional<AccessMode> parse_access_mode(std::string_view text) {
  if (text == "open") return AccessMode::open;
  if (text == "allow") return AccessMode::allow;
  if (text == "deny") return AccessMode::deny;
  return std::nullopt;
}

bool put_path_or_off(std::string& field, std::string_view text) {
  return put_text_if(field, text, text.empty() || is_path(text));
}

bool add_text_if(std::vector<std::string>& list, std::string_view text, bool allowed) {
  return add(list, allowed ? std::optional(std::string(text)) : std::nullopt);
}

template <bool reloadable, auto section, auto field>
constexpr OptionChange kChange{
    reloadable, [](const Options& a, const Options& b) { return a.*section.*field == b.*section.*field; },
    [](Options& to, const Options& from) { to.*section.*field = from.*section.*field; }};

// The last cell of a row: where its value lies, and whether a running node takes a new one.
template <auto section, auto field>
constexpr OptionChange kReload = kChange<true, section, field>;
template <auto section, auto field>
constexpr OptionChange kRestart = kChange<false, section, field>;

using View = std::string_view;

constexpr std::array kSections = {
    Section{"node", "This process."},
    Section{"tracker", "What BitTorrent clients see."},
    Section{"access", "Who may announce what. Checked for every announce; off by default."},
    Section{"limits", "What clients may use up. Where 0 is allowed it is no limit."},
    Section{"sync", "The channel between the nodes of a cluster. All nodes of one cluster are equal."},
    Section{"admin", "Metrics, health and status over HTTP, for operators."},
    Section{"stats", "opentracker's statistics page, for the scripts that read it."},
};

constexpr std::array kOptions = {
    Option{"node.name", OptionKind::text, 0, "",
           "1 to 64 letters, digits, '.', '_' or '-'; \"\" is the host name",
           "Name of this node in status, metrics and to the other nodes.",
           "Must be different on every node of a cluster. Empty: the host name, other characters replaced by "
           "'-'.",
           [](Options& o, View v) { return put_text_if(o.node.name, v, v.empty() || is_name(v)); }, nullptr,
           kRestart<&Options::node, &Options::Node::name>},
    Option{"node.workers", OptionKind::whole, 0, "0", "a whole number from 0 to 256; 0 is one per CPU",
           "Threads that answer clients.", "",
           [](Options& o, View v) { return put(o.node.workers, parse_whole(v, 0, 256)); }, nullptr,
           kRestart<&Options::node, &Options::Node::workers>},
    Option{"node.pin_workers", OptionKind::boolean, 0, "false", "true or false",
           "Tie each worker to a CPU of its own.",
           "In turn to those CPUs this process may use. For machines that do little else.",
           [](Options& o, View v) { return put(o.node.pin_workers, parse_boolean(v)); }, nullptr,
           kRestart<&Options::node, &Options::Node::pin_workers>},
    Option{"node.user", OptionKind::text, 0, "",
           "a user name of 1 to 32 letters, digits, '.', '_' or '-'; \"\" is off",
           "User to become once the ports are bound.", "For a start as root; empty: stay who we are.",
           [](Options& o, View v) { return put_text_if(o.node.user, v, v.empty() || is_name(v, 32)); },
           nullptr, kRestart<&Options::node, &Options::Node::user>},
    Option{
        "node.chroot", OptionKind::text, 0, "", "an absolute path of a folder; \"\" is off",
        "Folder to be locked into once the ports are bound.",
        "Needs a start as root. Names in sync.peers are then resolved inside it: it needs etc/resolv.conf.",
        [](Options& o, View v) {
          return put_text_if(o.node.chroot, v, v.empty() || (is_path(v) && v[0] == '/'));
        },
        nullptr, kRestart<&Options::node, &Options::Node::chroot>},
    Option{"node.drain_s", OptionKind::whole, 0, "5", "a whole number of seconds from 0 to 3600",
           "How long a node that was asked to stop serves on, in seconds.",
           "It says \"not ready\" from the first moment: give your load balancer time to notice.\n"
           "A second SIGTERM ends it at once.",
           [](Options& o, View v) { return put(o.node.drain_s, parse_whole(v, 0, 3600)); }, nullptr,
           kReload<&Options::node, &Options::Node::drain_s>},
    Option{"node.snapshot", OptionKind::text, 0, "", "the path of a file; \"\" is off",
           "File that keeps the peers over a restart.",
           "Opened as node.user and inside node.chroot. A node of a cluster hardly needs it: it asks the "
           "others.\nA file that is damaged or not ours is renamed to FILE.bad and otherwise ignored.",
           [](Options& o, View v) { return put_text_if(o.node.snapshot, v, v.empty() || is_path(v)); },
           nullptr, kRestart<&Options::node, &Options::Node::snapshot>},
    Option{"node.snapshot_interval_s", OptionKind::whole, 0, "300",
           "a whole number of seconds from 0 to 86400; 0 is on exit only",
           "Time between two writings of node.snapshot, in seconds.", "It is also written on exit.",
           [](Options& o, View v) { return put(o.node.snapshot_interval_s, parse_whole(v, 0, 86400)); },
           nullptr, kReload<&Options::node, &Options::Node::snapshot_interval_s>},
    Option{"node.log_level", OptionKind::text, 0, "info", "debug, info, warn or error",
           "Least level that is logged.", "The addresses of peers appear in the log only at debug.",
           [](Options& o, View v) { return put(o.node.log_level, common::log_level_from(v)); }, nullptr,
           kReload<&Options::node, &Options::Node::log_level>},
    Option{"node.log_format", OptionKind::text, 0, "text", "text or json", "Form of a log line.",
           "The log goes to standard error.",
           [](Options& o, View v) { return put(o.node.log_format, parse_log_format(v)); }, nullptr,
           kReload<&Options::node, &Options::Node::log_format>},

    Option{"tracker.udp", OptionKind::text, 64, "0.0.0.0:6969,[::]:6969",
           "up to 64 different addresses such as 0.0.0.0:6969 or [::]:6969, port 1 to 65535",
           "Addresses of the UDP tracker (BEP 15).", "Empty list: no UDP tracker.",
           [](Options& o, View v) { return add(o.tracker.udp, parse_listen_address(v)); },
           [](Options& o) { o.tracker.udp.clear(); }, kRestart<&Options::tracker, &Options::Tracker::udp>},
    Option{"tracker.http", OptionKind::text, 64, "0.0.0.0:6969,[::]:6969",
           "up to 64 different addresses such as 0.0.0.0:6969 or [::]:6969, port 1 to 65535",
           "Addresses of the HTTP tracker (BEP 3).", "Empty list: no HTTP tracker.",
           [](Options& o, View v) { return add(o.tracker.http, parse_listen_address(v)); },
           [](Options& o) { o.tracker.http.clear(); }, kRestart<&Options::tracker, &Options::Tracker::http>},
    Option{"tracker.interval_s", OptionKind::whole, 0, "1800", "a whole number of seconds from 1 to 86400",
           "Time between the announces of a client, in seconds.", "",
           [](Options& o, View v) { return put(o.tracker.interval_s, parse_whole(v, 1, 86400)); }, nullptr,
           kReload<&Options::tracker, &Options::Tracker::interval_s>},
    Option{"tracker.interval_jitter", OptionKind::fraction, 0, "0.1", "a number from 0 to 0.5",
           "Share of the interval by which an answer may differ from it, either way.",
           "Spreads clients that started together: 0.1 answers 0.9 to 1.1 times interval_s.",
           [](Options& o, View v) { return put(o.tracker.interval_jitter, parse_fraction(v, 0, 0.5)); },
           nullptr, kReload<&Options::tracker, &Options::Tracker::interval_jitter>},
    Option{"tracker.min_interval_s", OptionKind::whole, 0, "0",
           "a whole number of seconds from 0 to 86400; 0 is not told",
           "Time that a client is asked to wait at least between announces, in seconds.",
           "\"min interval\" of HTTP answers; UDP has no field for it. At most the shortest interval.",
           [](Options& o, View v) { return put(o.tracker.min_interval_s, parse_whole(v, 0, 86400)); },
           nullptr, kReload<&Options::tracker, &Options::Tracker::min_interval_s>},
    Option{"tracker.target_rps", OptionKind::whole, 0, "0", "a whole number from 0 to 100000000; 0 is off",
           "Announces per second of the whole cluster above which the interval grows.",
           "As clients learn of it only with their next announce, it takes an interval or two to settle.",
           [](Options& o, View v) { return put(o.tracker.target_rps, parse_whole(v, 0, 100'000'000)); },
           nullptr, kReload<&Options::tracker, &Options::Tracker::target_rps>},
    Option{"tracker.interval_max_s", OptionKind::whole, 0, "2100",
           "a whole number of seconds from 1 to 86400",
           "Longest interval that tracker.target_rps may lead to, in seconds.",
           "Before the jitter. tracker.peer_timeout_s must be large enough for it.",
           [](Options& o, View v) { return put(o.tracker.interval_max_s, parse_whole(v, 1, 86400)); },
           nullptr, kReload<&Options::tracker, &Options::Tracker::interval_max_s>},
    Option{"tracker.peer_timeout_s", OptionKind::whole, 0, "2700",
           "a whole number of seconds from 2 to 604800",
           "Time after which a silent peer is forgotten, in seconds.",
           "Must be the same on every node of a cluster, and more than 9/8 of the longest interval: an "
           "announce\nthat follows within 1/9 of it does not yet renew a peer.",
           [](Options& o, View v) { return put(o.tracker.peer_timeout_s, parse_whole(v, 2, 604800)); },
           nullptr, kRestart<&Options::tracker, &Options::Tracker::peer_timeout_s>},
    Option{"tracker.numwant_default", OptionKind::whole, 0, "50", "a whole number from 0 to 1000",
           "Peers in an answer when the client does not say how many.", "",
           [](Options& o, View v) { return put(o.tracker.numwant_default, parse_whole(v, 0, 1000)); },
           nullptr, kReload<&Options::tracker, &Options::Tracker::numwant_default>},
    Option{"tracker.numwant_max", OptionKind::whole, 0, "200", "a whole number from 1 to 1000",
           "Most peers in one answer.", "A UDP answer also stays within one packet of 1500 bytes.",
           [](Options& o, View v) { return put(o.tracker.numwant_max, parse_whole(v, 1, 1000)); }, nullptr,
           kReload<&Options::tracker, &Options::Tracker::numwant_max>},
    Option{"tracker.numwant_max_udp", OptionKind::whole, 0, "0",
           "a whole number from 0 to 1000; 0 is tracker.numwant_max", "Most peers in one UDP answer.", "",
           [](Options& o, View v) { return put(o.tracker.numwant_max_udp, parse_whole(v, 0, 1000)); },
           nullptr, kReload<&Options::tracker, &Options::Tracker::numwant_max_udp>},
    Option{"tracker.numwant_max_http", OptionKind::whole, 0, "0",
           "a whole number from 0 to 1000; 0 is tracker.numwant_max", "Most peers in one HTTP answer.", "",
           [](Options& o, View v) { return put(o.tracker.numwant_max_http, parse_whole(v, 0, 1000)); },
           nullptr, kReload<&Options::tracker, &Options::Tracker::numwant_max_http>},
    Option{"tracker.ip_param", OptionKind::text, 0, "ignore", "ignore, trusted or any",
           "Who is believed that names its own address by ip=, ipv4= or ipv6= over HTTP.",
           "trusted: clients whose address is in access.trusted_proxies. any: lets anybody announce anybody.",
           [](Options& o, View v) { return put(o.tracker.ip_param, parse_ip_param(v)); }, nullptr,
           kReload<&Options::tracker, &Options::Tracker::ip_param>},
    Option{"tracker.warning", OptionKind::text, 0, "", "up to 200 printable ASCII characters; \"\" is none",
           "Message that clients show to their users.", "\"warning message\" of HTTP answers.",
           [](Options& o, View v) {
             return put_text_if(o.tracker.warning, v, v.empty() || is_printable(v, 200));
           },
           nullptr, kReload<&Options::tracker, &Options::Tracker::warning>},
    Option{
        "tracker.redirect_url", OptionKind::text, 0, "",
        "a URL that begins with http:// or https://, without blanks; \"\" is none",
        "Where people are sent who open the HTTP tracker's / in a browser.", "",
        [](Options& o, View v) { return put_text_if(o.tracker.redirect_url, v, v.empty() || is_web_url(v)); },
        nullptr, kReload<&Options::tracker, &Options::Tracker::redirect_url>},
    Option{"tracker.full_scrape", OptionKind::boolean, 0, "false", "true or false",
           "Answer /scrape without an info_hash with every swarm, on the tracker's HTTP port.",
           "The admin endpoint does so in any case. /scrape?format=ben, txt, txtp, bin, url or json.",
           [](Options& o, View v) { return put(o.tracker.full_scrape, parse_boolean(v)); }, nullptr,
           kReload<&Options::tracker, &Options::Tracker::full_scrape>},
    Option{"tracker.full_scrape_interval_s", OptionKind::whole, 0, "300",
           "a whole number of seconds from 0 to 86400; 0 is no limit",
           "Time between two full scrapes of one client, in seconds.",
           "A client is an IPv4 address or an IPv6 /64. One that comes sooner gets status 429.",
           [](Options& o, View v) { return put(o.tracker.full_scrape_interval_s, parse_whole(v, 0, 86400)); },
           nullptr, kReload<&Options::tracker, &Options::Tracker::full_scrape_interval_s>},

    Option{
        "access.mode", OptionKind::text, 0, "open", "open, allow or deny",
        "Which swarms are served: all, only those on the access list, or all but those.",
        "Announces for others are answered with a failure, and their peers are dropped. Give all nodes of a\n"
        "cluster the same mode and list.",
        [](Options& o, View v) { return put(o.access.mode, parse_access_mode(v)); }, nullptr,
        kReload<&Options::access, &Options::Access::mode>},
    Option{"access.file", OptionKind::text, 0, "",
           "the path of a file; \"\" is no list but for run-time changes", "File of the access list.",
           "One info_hash a line, 40 hexadecimal digits; what follows behind a blank, and lines that begin "
           "with\n'#', are comments. A bad line leaves the old list in force.",
           [](Options& o, View v) { return put_path_or_off(o.access.file, v); }, nullptr,
           kReload<&Options::access, &Options::Access::file>},
    Option{"access.state_file", OptionKind::text, 0, "", "the path of a file; \"\" is off",
           "File that keeps the run-time changes of the access list over a restart.",
           "A node of a cluster also gets them from the others. Written by the node itself, as node.user.",
           [](Options& o, View v) { return put_path_or_off(o.access.state_file, v); }, nullptr,
           kRestart<&Options::access, &Options::Access::state_file>},
    Option{"access.fifo_add", OptionKind::text, 0, "", "the path of a FIFO; \"\" is off",
           "FIFO from which info_hashes are added to the access list.",
           "Lines as in access.file. Made if it is not there; opened as node.user and inside node.chroot.",
           [](Options& o, View v) { return put_path_or_off(o.access.fifo_add, v); }, nullptr,
           kRestart<&Options::access, &Options::Access::fifo_add>},
    Option{"access.fifo_delete", OptionKind::text, 0, "", "the path of a FIFO; \"\" is off",
           "FIFO from which info_hashes are removed from the access list.", "As access.fifo_add.",
           [](Options& o, View v) { return put_path_or_off(o.access.fifo_delete, v); }, nullptr,
           kRestart<&Options::access, &Options::Access::fifo_delete>},
    Option{"access.clients_allow", OptionKind::text, 256, "",
           "up to 256 different beginnings of peer ids such as -qB4, 1 to 20 printable characters",
           "Client software that may announce; empty list: all.",
           "By how its peer_id begins. A claim of the client, not a proof.",
           [](Options& o, View v) { return add_text_if(o.access.clients_allow, v, is_peer_id_prefix(v)); },
           [](Options& o) { o.access.clients_allow.clear(); },
           kReload<&Options::access, &Options::Access::clients_allow>},
    Option{"access.clients_deny", OptionKind::text, 256, "",
           "up to 256 different beginnings of peer ids such as -XL0, 1 to 20 printable characters",
           "Client software that may not announce.", "As access.clients_allow, and stronger.",
           [](Options& o, View v) { return add_text_if(o.access.clients_deny, v, is_peer_id_prefix(v)); },
           [](Options& o) { o.access.clients_deny.clear(); },
           kReload<&Options::access, &Options::Access::clients_deny>},
    Option{"access.deny_networks", OptionKind::text, 2048, "",
           "up to 2048 different networks such as 192.0.2.0/24, 2001:db8::/32 or 192.0.2.1",
           "Networks whose clients get nothing.",
           "Over UDP they are not answered at all, over HTTP with a failure.",
           [](Options& o, View v) { return add(o.access.deny_networks, common::parse_network(v)); },
           [](Options& o) { o.access.deny_networks.clear(); },
           kReload<&Options::access, &Options::Access::deny_networks>},
    Option{"access.private_addresses", OptionKind::boolean, 0, "true", "true or false",
           "Whether peers with private, loopback or link-local addresses may announce.",
           "Set it to false on a tracker for the public Internet.",
           [](Options& o, View v) { return put(o.access.private_addresses, parse_boolean(v)); }, nullptr,
           kReload<&Options::access, &Options::Access::private_addresses>},
    Option{"access.trusted_proxies", OptionKind::text, 256, "",
           "up to 256 different networks such as 192.0.2.0/24, 2001:db8::/32 or 192.0.2.1",
           "Proxies in front of the HTTP tracker that are believed about who the client is.", "",
           [](Options& o, View v) { return add(o.access.trusted_proxies, common::parse_network(v)); },
           [](Options& o) { o.access.trusted_proxies.clear(); },
           kReload<&Options::access, &Options::Access::trusted_proxies>},
    Option{"access.client_header", OptionKind::text, 0, "X-Forwarded-For",
           "the name of an HTTP header of up to 64 characters; \"\" is none",
           "Header in which those proxies name the client.",
           "X-Forwarded-For and any other: a list of addresses, of which the last that is no trusted proxy\n"
           "counts; Forwarded: as RFC 7239 has it. Only a header that every one of the proxies sets is safe.",
           [](Options& o, View v) {
             return put_text_if(o.access.client_header, v, v.empty() || is_header_name(v));
           },
           nullptr, kReload<&Options::access, &Options::Access::client_header>},
    Option{"access.proxy_protocol", OptionKind::boolean, 0, "false", "true or false",
           "Whether connections from those proxies begin with the PROXY protocol, version 1 or 2.",
           "If so, each has to; connections of others never may.",
           [](Options& o, View v) { return put(o.access.proxy_protocol, parse_boolean(v)); }, nullptr,
           kReload<&Options::access, &Options::Access::proxy_protocol>},

    Option{"limits.swarms", OptionKind::whole, 0, "100000000",
           "a whole number from 0 to 4000000000; 0 is no limit", "Swarms.",
           "An announce that would make one more gets the failure \"tracker is full\". What other nodes tell "
           "is\ntaken up to twice as many. About 45 bytes each, and its peers.",
           [](Options& o, View v) { return put(o.limits.swarms, parse_whole(v, 0, 4'000'000'000)); }, nullptr,
           kReload<&Options::limits, &Options::Limits::swarms>},
    Option{
        "limits.peers", OptionKind::whole, 0, "200000000",
        "a whole number from 0 to 4000000000; 0 is no limit",
        "Peers of all swarms together, stopped ones that are remembered included.",
        "As limits.swarms. About 9 bytes each over IPv4, 21 over IPv6; peers that are there already are not "
        "touched.",
        [](Options& o, View v) { return put(o.limits.peers, parse_whole(v, 0, 4'000'000'000)); }, nullptr,
        kReload<&Options::limits, &Options::Limits::peers>},
    Option{"limits.peers_per_swarm", OptionKind::whole, 0, "0",
           "a whole number from 0 to 4000000000; 0 is no limit", "Live peers of one swarm.",
           "One more gets peers, but is not handed out itself.",
           [](Options& o, View v) { return put(o.limits.peers_per_swarm, parse_whole(v, 0, 4'000'000'000)); },
           nullptr, kReload<&Options::limits, &Options::Limits::peers_per_swarm>},
    Option{"limits.connections", OptionKind::whole, 0, "8192", "a whole number from 1 to 1000000",
           "HTTP connections.",
           "Shared out among the workers. For one more a worker closes the one that has been idle longest.\n"
           "Less where the system allows fewer open files (`ulimit -n`): 256 of those are for other things.",
           [](Options& o, View v) { return put(o.limits.connections, parse_whole(v, 1, 1'000'000)); },
           nullptr, kRestart<&Options::limits, &Options::Limits::connections>},
    Option{"limits.connections_per_address", OptionKind::whole, 0, "0",
           "a whole number from 0 to 1000000; 0 is no limit",
           "HTTP connections of one client: an IPv4 address or an IPv6 /64.",
           "One more is closed at once. Those of access.trusted_proxies do not count; with "
           "access.proxy_protocol\nthe client counts that the proxy names.",
           [](Options& o, View v) {
             return put(o.limits.connections_per_address, parse_whole(v, 0, 1'000'000));
           },
           nullptr, kReload<&Options::limits, &Options::Limits::connections_per_address>},
    Option{
        "limits.requests_per_s_per_address", OptionKind::whole, 0, "0",
        "a whole number from 0 to 100000; 0 is no limit",
        "Requests a second of one client: an IPv4 address or an IPv6 /64.",
        "UDP and HTTP together, with ten seconds' worth at once. Over UDP more are not answered, over HTTP "
        "with\nstatus 429 and a failure.",
        [](Options& o, View v) {
          return put(o.limits.requests_per_s_per_address, parse_whole(v, 0, 100'000));
        },
        nullptr, kReload<&Options::limits, &Options::Limits::requests_per_s_per_address>},
    Option{"limits.requests_per_s_per_prefix", OptionKind::whole, 0, "0",
           "a whole number from 0 to 100000; 0 is no limit",
           "Requests a second of one network: an IPv4 /24 or an IPv6 /48.",
           "As limits.requests_per_s_per_address, and beside it.",
           [](Options& o,
              View v) { return put(o.limits.requests_per_s_per_prefix, parse_whole(v, 0, 100'000)); },
           nullptr, kReload<&Options::limits, &Options::Limits::requests_per_s_per_prefix>},

    Option{"sync.listen", OptionKind::text, 0, "",
           "one address such as 192.0.2.1:6970 or [::]:6970; \"\" is off",
           "Address of the sync channel, UDP and TCP.", "Empty: this node is a cluster of its own.",
           [](Options& o, View v) { return put_or_off(o.sync.listen, v, parse_listen_address); }, nullptr,
           kRestart<&Options::sync, &Options::Sync::listen>},
    Option{"sync.advertise", OptionKind::text, 0, "",
           "one address such as 192.0.2.1:6970, not 0.0.0.0 or [::]; \"\" is derived",
           "Address the other nodes shall use for this one.",
           "Empty: the address our packets come from. Needed behind address translation.",
           [](Options& o, View v) { return put_or_off(o.sync.advertise, v, parse_unicast_address); }, nullptr,
           kRestart<&Options::sync, &Options::Sync::advertise>},
    Option{
        "sync.peers", OptionKind::text, 256, "",
        "up to 256 different HOST:PORT; HOST is a name, 192.0.2.1 or [2001:db8::1]",
        "Some other nodes; the rest is learnt from them.",
        "Names are resolved again every 60 s, and all their addresses are used. This node may be among them.",
        [](Options& o, View v) { return add(o.sync.peers, parse_host_port(v)); },
        [](Options& o) { o.sync.peers.clear(); }, kReload<&Options::sync, &Options::Sync::peers>},
    Option{"sync.multicast", OptionKind::text, 16, "",
           "up to 16 different GROUP:PORT%INTERFACE such as 239.192.0.42:6970%eth0 or [ff15::42]:6970%eth0",
           "Multicast groups of the cluster.",
           "A node that hears a group needs no unicast copy. Without %INTERFACE the system chooses one.",
           [](Options& o, View v) { return add(o.sync.multicast, parse_multicast_group(v)); },
           [](Options& o) { o.sync.multicast.clear(); }, kRestart<&Options::sync, &Options::Sync::multicast>},
    Option{"sync.pace_mbit_s", OptionKind::whole, 0, "50", "a whole number from 1 to 10000",
           "Most that is sent to one node, in megabits per second.",
           "Also to each multicast group. When it is short, stopped peers are told first and peers that are "
           "still there last.\nSending again what was lost takes at most a fifth of it.",
           [](Options& o, View v) { return put(o.sync.pace_mbit_s, parse_whole(v, 1, 10000)); }, nullptr,
           kReload<&Options::sync, &Options::Sync::pace_mbit_s>},
    Option{"sync.cluster", OptionKind::text, 0, "default", "1 to 64 letters, digits, '.', '_' or '-'",
           "Name of the cluster.", "Nodes of another cluster are not listened to, even with the same key.",
           [](Options& o, View v) { return put_text_if(o.sync.cluster, v, is_name(v)); }, nullptr,
           kRestart<&Options::sync, &Options::Sync::cluster>},
    Option{"sync.key_files", OptionKind::text, 16, "", "up to 16 different paths of key files",
           "Files with the keys of the cluster.",
           "`shoal keygen FILE` makes one. The first key seals what this node sends, all open what it "
           "receives:\nadd a key everywhere, put it first everywhere, then remove the old one.",
           [](Options& o, View v) {
             return add(o.sync.key_files, is_path(v) ? std::optional(std::string(v)) : std::nullopt);
           },
           [](Options& o) { o.sync.key_files.clear(); }, kReload<&Options::sync, &Options::Sync::key_files>},
    Option{"sync.insecure", OptionKind::boolean, 0, "false", "true or false", "Sync without a key.",
           "Anyone who can send a packet to sync.listen can then add and remove peers. And anyone at all can "
           "make up\n"
           "connection ids, so that the UDP tracker answers to addresses that have not asked. For trials on "
           "loopback.",
           [](Options& o, View v) { return put(o.sync.insecure, parse_boolean(v)); }, nullptr,
           kRestart<&Options::sync, &Options::Sync::insecure>},
    Option{"sync.donate_mbit_s", OptionKind::whole, 0, "160",
           "a whole number from 0 to 100000; 0 is as fast as it goes",
           "Most that is given to nodes that ask for what they lack, in megabits per second.",
           "All of them together. A node asks for everything when it starts, and after a cut for what it "
           "missed.",
           [](Options& o, View v) { return put(o.sync.donate_mbit_s, parse_whole(v, 0, 100'000)); }, nullptr,
           kReload<&Options::sync, &Options::Sync::donate_mbit_s>},

    Option{"admin.listen", OptionKind::text, 0, "127.0.0.1:9697",
           "one address such as 127.0.0.1:9697 or [::1]:9697; \"\" is off",
           "Address of /metrics, /healthz, /readyz, /status.json, the API under /v1/ and / for people.",
           "Whoever reaches it can read all of it: keep it on loopback or a private network.",
           [](Options& o, View v) { return put_or_off(o.admin.listen, v, parse_listen_address); }, nullptr,
           kRestart<&Options::admin, &Options::Admin::listen>},
    Option{"admin.token_file", OptionKind::text, 0, "", "the path of a file; \"\" is off",
           "File with the token that whoever changes something over the admin endpoint must know.",
           "One line of 16 to 256 characters: `openssl rand -hex 32`. Empty: changes are taken from this "
           "machine\nonly, from any of its users, and not through a proxy. Reading needs no token.",
           [](Options& o, View v) { return put_text_if(o.admin.token_file, v, v.empty() || is_path(v)); },
           nullptr, kReload<&Options::admin, &Options::Admin::token_file>},
    Option{"admin.export_file", OptionKind::text, 0, "", "the path of a file; \"\" is off",
           "File that gets the seeders, leechers and downloads of every swarm, again and again.",
           "Replaced as a whole. A name that ends with .gz or .zst is compressed so.\n"
           "Opened as node.user and inside node.chroot.",
           [](Options& o, View v) { return put_text_if(o.admin.export_file, v, v.empty() || is_path(v)); },
           nullptr, kReload<&Options::admin, &Options::Admin::export_file>},
    Option{"admin.export_interval_s", OptionKind::whole, 0, "3600",
           "a whole number of seconds from 1 to 86400",
           "Time between two writings of admin.export_file, in seconds.", "",
           [](Options& o, View v) { return put(o.admin.export_interval_s, parse_whole(v, 1, 86400)); },
           nullptr, kReload<&Options::admin, &Options::Admin::export_interval_s>},
    Option{"admin.export_format", OptionKind::text, 0, "txt", "ben, txt, txtp, bin, url or json",
           "Form of admin.export_file.",
           "txt: HEX:seeders:leechers; txtp: and :completed; bin: 20 + 4 + 4 bytes; ben: as a scrape; url: "
           "as txt with\nthe info_hash percent-encoded; json: an object a line.",
           [](Options& o, View v) { return put(o.admin.export_format, proto::dump_format_from(v)); }, nullptr,
           kReload<&Options::admin, &Options::Admin::export_format>},

    Option{"stats.path", OptionKind::text, 0, "",
           "a path of 2 to 64 letters, digits, '.', '_', '-' or '/' that begins with '/', not /announce or "
           "/scrape; \"\" is off",
           "Path of the statistics on the tracker's HTTP port; opentracker's is /stats.",
           "?mode=peer, torr, conn, tcp4, udp4, scrp, fscr, completed, syncs, herr, renew, top10, top100, "
           "startstop, version\nor everything; with tracker.full_scrape also tpbs and statedump.",
           [](Options& o, View v) { return put_text_if(o.stats.path, v, v.empty() || is_stats_path(v)); },
           nullptr, kReload<&Options::stats, &Options::Stats::path>},
    Option{"stats.networks", OptionKind::text, 256, "127.0.0.0/8,::1/128",
           "up to 256 different networks such as 192.0.2.0/24, 2001:db8::/32 or 192.0.2.1",
           "Networks whose clients may read the statistics.", "0.0.0.0/0 and ::/0: everyone.",
           [](Options& o, View v) { return add(o.stats.networks, common::parse_network(v)); },
           [](Options& o) { o.stats.networks.clear(); }, kReload<&Options::stats, &Options::Stats::networks>},
};

static_assert(std::all_of(kOptions.begin(), kOptions.end(),
                          [](const Option& option) { return option.change.same != nullptr; }),
              "a row says with kReload or kRestart where its value lies");

}  // namespace

std::span<const Option> option_table() { return kOptions; }

std::span<const Section> sections() { return kSections; }

const Option* find_option(std::string_view key) {
  const auto found =
      std::find_if(kOptions.begin(), kOptions.end(), [&](const Option& o) { return o.key == key; });
  return found == kOptions.end() ? nullptr : &*found;
}

std::vector<std::string> option_keys() {
  std::vector<std::string> keys;
  keys.reserve(kOptions.size());
  for (const Option& option : kOptions) keys.emplace_back(option.key);
  return keys;
}

std::string flag_name(const Option& option) { return "--" + std::string(option.key); }

std::string environment_name(const Option& option) {
  std::string name = "SHOAL_" + std::string(option.key);
  for (char& c : name) {
    if (c == '.') c = '_';
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  }
  return name;
}

}  // namespace shoal::node
