#include "node/config/option_table.h"

#include <algorithm>
#include <array>

#include "node/config/option_rows.h"
#include "proto/ban_change.h"
#include "proto/sync_packet.h"

#define KEY(section, field) SHOAL_KEY(section, field)

namespace shoal::node {

namespace option_rows {

namespace {

constexpr uint32_t kDayS = 86'400;
constexpr uint32_t kNumwantMax = 1000;
constexpr uint32_t kSwarmsMax = 4'000'000'000;
constexpr uint32_t kMemoryMbMax = 64 * 1024 * 1024;
constexpr uint32_t kConnectionsMax = 1'000'000;
constexpr uint32_t kRequestsPerSMax = 100'000;
constexpr size_t kUserNameMax = 32;
constexpr size_t kWarningMax = 200;
constexpr size_t kCertificatesMax = 64;

constexpr std::string_view kNetworks = "networks such as 192.0.2.0/24, 2001:db8::/32 or 192.0.2.1";
constexpr std::string_view kListenAddresses = "addresses such as 0.0.0.0:6969 or [::]:6969, port 1 to 65535";
constexpr std::string_view kHttpsAddresses = "addresses such as 0.0.0.0:443 or [::]:443, port 1 to 65535";
constexpr std::string_view kTrackerAddresses = "0.0.0.0:6969,[::]:6969";

bool is_warning(std::string_view text) { return is_printable(text, kWarningMax); }

std::string up_to(size_t most, std::string_view what) {
  return "up to " + std::to_string(most) + " " + std::string(what);
}

std::string peer_id_prefixes(std::string_view example) {
  return "beginnings of peer ids such as " + std::string(example) + ", 1 to " +
         std::to_string(kPeerIdPrefixMax) + " printable characters";
}

std::vector<Option> node_rows() {
  return {
      name(KEY(node, name), kOptionNameMax, "the host name", "", Apply::restart,
           {"Name of this node in status and metrics, and in what the other nodes show of it.",
            "Must be different on every node of a cluster. Characters of the host name that are not allowed "
            "become '-'."}),
      whole(KEY(node, workers), {0, kWorkersMax, "one per usable CPU"}, 0, Apply::restart,
            {"Threads that answer clients.",
             "Usable are the CPUs that affinity and cpuset leave the node, and no more than the CPU quota of "
             "its control group, rounded up."}),
      boolean(KEY(node, pin_workers), false, Apply::restart,
              {"Bind each worker to a CPU of its own.",
               "Workers take the CPUs that this process may use in turn. For machines that do little else."}),
      name(KEY(node, user), kUserNameMax, "no change of user", "", Apply::restart,
           {"User to switch to once the ports are bound.", "Needs a start as root."}),
      folder(KEY(node, chroot), Apply::restart,
             {"Folder to use as root directory (chroot) once the ports are bound.",
              "Needs a start as root. Names in sync.peers are then resolved inside it, which needs "
              "etc/resolv.conf there."}),
      boolean(KEY(node, confine_calls), true, Apply::restart,
              {"Whether the node gives up all system calls that it does not need (seccomp).",
               "The log says at start what holds. A kernel without it changes nothing."}),
      boolean(KEY(node, confine_files), true, Apply::restart,
              {"Whether the node gives up to write files anywhere but in the folders of those it is told to "
               "write, and to execute any (Landlock).",
               "A reload cannot name a new folder then. A kernel without it changes nothing."}),
      whole(KEY(node, drain_s), seconds(0, 3600), 5, Apply::drain,
            {"How long a node that was told to stop keeps serving, in seconds.",
             "It reports \"not ready\" from the first moment: give your load balancer time to notice. A "
             "second SIGTERM ends it at once."}),
      choice(KEY(node, ready_alone), kReadyAlone, ReadyAlone::held, Apply::always,
             {"Whether /readyz says ready while none of sync.peers can be met.",
              "held: only if this node has held the cluster's state, in this run or before it wrote "
              "node.snapshot. A new cluster's first node is thus ready once a second one runs. always: for a "
              "first node that is to serve by itself. never: not even the last one left."}),
      path(KEY(node, snapshot), "file", Apply::restart,
           {"File that keeps the peers over a restart.",
            "Opened as node.user and inside node.chroot. A node of a cluster hardly needs it: it gets the "
            "peers from the other nodes. A damaged or foreign file is renamed to FILE.bad and otherwise "
            "ignored."}),
      whole(KEY(node, snapshot_interval_s), seconds(0, kDayS, "on exit only"), 300, Apply::snapshot,
            {"Time between two writes of node.snapshot, in seconds.", "It is also written on exit."}),
      choice(KEY(node, log_level), kLogLevels, common::LogLevel::info, Apply::log,
             {"Lowest level that is logged.", "Addresses of peers appear in the log at debug only."}),
      choice(KEY(node, log_format), kLogFormats, common::LogFormat::text, Apply::log,
             {"Format of a log line.", "The log goes to standard error."}),
  };
}

std::vector<Option> tracker_rows() {
  return {
      list(KEY(tracker, udp), parse_listen_address, 64, kListenAddresses, kTrackerAddresses, Apply::restart,
           {"Addresses of the UDP tracker (BEP 15).", "An empty list turns the UDP tracker off."}),
      list(KEY(tracker, http), parse_listen_address, 64, kListenAddresses, kTrackerAddresses, Apply::restart,
           {"Addresses of the HTTP tracker (BEP 3).", "An empty list turns the HTTP tracker off."}),
      list(KEY(tracker, https), parse_listen_address, 64, kHttpsAddresses, "", Apply::restart,
           {"Addresses of the HTTP tracker over TLS.",
            "Off by default. Needs tracker.tls_certificates and tracker.tls_keys."}),
      list(KEY(tracker, tls_certificates), text_if<is_path>, kCertificatesMax, "paths of PEM files", "",
           Apply::always,
           {"Files with the certificates for tracker.https and admin.tls.",
            "Each holds the server's certificate, then its chain. The client's SNI chooses one by the names "
            "(SAN) in it, *.example.org too; the first is for all other clients. A reload reads them again; "
            "if one cannot be used or has expired, nothing changes."}),
      list(KEY(tracker, tls_keys), text_if<is_path>, kCertificatesMax, "paths of PEM files", "",
           Apply::always,
           {"Files with the private keys of tracker.tls_certificates, in the same order, not encrypted.",
            "Read before the node becomes node.user; a reload reads them as node.user and inside "
            "node.chroot, like sync.key_files."}),
      boolean(
          KEY(tracker, http_keep_alive), true, Apply::tracker,
          {"Whether a connection of tracker.http or tracker.https may bring more than one request.",
           "False: it is closed after the first answer, whatever the client asks for, as opentracker does. "
           "That is less work for clients that open a connection for each request and do not say so, and "
           "more for those that keep theirs: proxies do, and HTTPS needs a handshake for each. WebSockets "
           "stay open."}),
      whole(KEY(tracker, interval_s), seconds(1, kDayS), 1800, Apply::tracker,
            {"Time between two announces of a client, in seconds."}),
      fraction(KEY(tracker, interval_jitter), 0, 0.5, 0.1, Apply::tracker,
               {"Share by which the interval in an answer may differ from interval_s, up or down.",
                "Spreads clients that started together: with 0.1 answers say 0.9 to 1.1 times interval_s."}),
      whole(KEY(tracker, min_interval_s), seconds(0, kDayS, "not sent"), 0, Apply::tracker,
            {"Shortest time between two announces that clients are asked to keep, in seconds.",
             "Sent as \"min interval\" over HTTP; UDP has no field for it. At most interval_s minus the "
             "jitter."}),
      whole(KEY(tracker, target_rps), {0, 100'000'000, "off"}, 0, Apply::tracker,
            {"Announces per second, over the whole cluster, above which the interval grows.",
             "A client learns the new interval with its next announce, so it takes an interval or two to "
             "settle."}),
      whole(KEY(tracker, interval_max_s), seconds(1, kDayS), 2100, Apply::tracker,
            {"Longest interval that tracker.target_rps may lead to, in seconds.",
             "Before the jitter. tracker.peer_timeout_s must be large enough for it."}),
      whole(KEY(tracker, peer_timeout_s), seconds(2, 7 * kDayS), 2700, Apply::restart,
            {"Time after which a peer that no longer announces is dropped, in seconds.",
             "Must be the same on every node of a cluster, and more than 9/8 of the longest interval: an "
             "announce within 1/9 of this time after the last one does not renew the peer."}),
      whole(KEY(tracker, numwant_default), {0, kNumwantMax}, 50, Apply::tracker,
            {"Peers in an answer when the client does not ask for a number."}),
      whole(KEY(tracker, numwant_max), {1, kNumwantMax}, 200, Apply::tracker,
            {"Most peers in one answer.",
             "A UDP answer also stays within one packet of 1280 bytes, which every network passes: 205 IPv4 "
             "peers or 67 IPv6 peers."}),
      whole(KEY(tracker, numwant_max_udp), {0, kNumwantMax, "tracker.numwant_max"}, 0, Apply::tracker,
            {"Most peers in one UDP answer."}),
      whole(KEY(tracker, numwant_max_http), {0, kNumwantMax, "tracker.numwant_max"}, 0, Apply::tracker,
            {"Most peers in one HTTP answer."}),
      choice(KEY(tracker, ip_param), kIpParams, IpParam::ignore, Apply::tracker,
             {"Which HTTP clients may announce another address by ip=, ipv4= or ipv6=.",
              "trusted: clients in access.trusted_proxies. any: all, so anyone can announce anyone."}),
      text(KEY(tracker, warning), is_warning, up_to(kWarningMax, "printable ASCII characters"), "none", "",
           Apply::tracker,
           {"Message that clients show to their users.", "Sent as \"warning message\" in HTTP answers."}),
      text(KEY(tracker, redirect_url), is_web_url,
           "a URL that begins with http:// or https://, without spaces", "none", "", Apply::tracker,
           {"Where a browser that opens / of the HTTP tracker is sent."}),
      boolean(KEY(tracker, full_scrape), false, Apply::tracker,
              {"Answer /scrape without an info_hash with every swarm, on the tracker's HTTP port.",
               "The admin endpoint always does. /scrape?format= chooses the format: see "
               "admin.export_format."}),
      whole(KEY(tracker, full_scrape_interval_s), seconds(0, kDayS, "no limit"), 300, Apply::tracker,
            {"Shortest time between two full scrapes by one client, in seconds.",
             "A client is an IPv4 address or an IPv6 /64. One that asks sooner gets status 429."}),
      boolean(
          KEY(tracker, websocket), false, Apply::tracker,
          {"Whether the addresses of tracker.http and tracker.https also serve WebTorrent clients.",
           "Browsers, by WebSocket (ws:// and wss://). Each holds a connection while its page is open: see "
           "limits.connections, three quarters of which they may take. False at a reload: each is closed "
           "with its next message."}),
  };
}

std::vector<Option> access_rows() {
  return {
      choice(KEY(access, mode), kAccessModes, AccessMode::open, Apply::always,
             {"Which swarms are served: all, only those on the access list, or all but those on it.",
              "Announces for other swarms fail, and their peers are dropped. Give all nodes of a cluster the "
              "same mode and list."}),
      path(KEY(access, file), "file", Apply::always,
           {"File of the access list.",
            "One info_hash per line, as 40 hexadecimal digits. Anything after a space is a comment, and so "
            "is a line that begins with '#'. If a line is wrong, the old list stays in force. Without a file "
            "the list holds run-time changes only."}),
      path(KEY(access, state_file), "file", Apply::restart,
           {"File that keeps the run-time changes of the access list over a restart.",
            "A node of a cluster also gets them from the other nodes. The node writes it itself, as "
            "node.user."}),
      path(KEY(access, fifo_add), "FIFO", Apply::restart,
           {"FIFO from which info_hashes are added to the access list.",
            "Lines as in access.file. Created if missing; opened as node.user and inside node.chroot."}),
      path(KEY(access, fifo_delete), "FIFO", Apply::restart,
           {"FIFO from which info_hashes are removed from the access list.", "As access.fifo_add."}),
      list(KEY(access, clients_allow), text_if<is_peer_id_prefix>, 256, peer_id_prefixes("-qB4"), "",
           Apply::always,
           {"Client software that may announce; an empty list allows all.",
            "Recognised by how the peer_id begins, which a client can fake."}),
      list(KEY(access, clients_deny), text_if<is_peer_id_prefix>, 256, peer_id_prefixes("-XL0"), "",
           Apply::always,
           {"Client software that may not announce.", "As access.clients_allow, and wins over it."}),
      list(KEY(access, deny_networks), common::parse_network, 2048, kNetworks, "", Apply::always,
           {"Networks whose clients are not served.",
            "Over UDP they get no answer at all, over HTTP a failure."}),
      list(
          KEY(access, deny_network_files), text_if<is_path>, 16, "paths of lists of networks", "",
          Apply::always,
          {"Files with more networks whose clients are not served.",
           "A line is a network (192.0.2.0/24), an address, a range (192.0.2.0-192.0.2.99), or one of "
           "PeerGuardian's p2p or eMule's ipfilter.dat format; '#' and ';' begin comments. Up to 4000000 "
           "networks in all. If a line is wrong, the old lists stay in force. Opened as node.user and inside "
           "node.chroot."}),
      list(
          KEY(access, feeds), parse_feed, 32,
          "lists as \"NAME KIND SECONDS PLACE\": NAME of letters, digits, '.', '_' or '-'; KIND networks or "
          "hashes; SECONDS " +
              std::to_string(kFeedRefreshMinS) + " to " + std::to_string(kFeedRefreshMaxS) +
              "; PLACE an http:// or https:// URL or the absolute path of a file",
          "", Apply::always,
          {"Lists that the node fetches again every so many seconds.",
           "networks: clients that are not served, in the formats of access.deny_network_files. hashes: "
           "added "
           "to the access list, in the format of access.file. Either may be gzip. One that fails, is empty, "
           "is "
           "cut, is no list or holds less than half of what it held changes nothing. URLs need libcurl.so.4. "
           "One with a comma in it cannot be given by flag or variable."}),
      folder(
          KEY(access, feed_folder), Apply::restart,
          {"Folder that keeps the last good copy of each feed, NAME.feed.",
           "Used at start, until the feed has been fetched, and for the other nodes: a feed of theirs may be "
           "http://THIS:9697/v1/feeds/NAME. The node writes it as node.user, inside node.chroot."}),
      path(KEY(access, feed_ca_file), "file", Apply::always,
           {"File with the certificates (PEM) that https:// feeds are verified by.",
            "If off, those of the system. Opened inside node.chroot."}),
      list(KEY(access, geo_databases), text_if<is_path>, 4, "paths of MaxMind DB files", "", Apply::always,
           {"MaxMind DB files (.mmdb) that tell the country or the ASN of an address.",
            "For access.deny_countries, access.deny_asns and access.geo_counts. Read at start and at a "
            "reload; a "
            "damaged file leaves the old lists in force."}),
      list(KEY(access, deny_countries), text_if<is_country>, 256, "countries such as NL, by ISO 3166", "",
           Apply::always,
           {"Countries whose clients are not served.", "By access.geo_databases. As access.deny_networks."}),
      list(KEY(access, deny_asns), parse_asn, 4096, "autonomous systems such as AS64496 or 64496", "",
           Apply::always,
           {"Autonomous systems whose clients are not served.",
            "By access.geo_databases. As access.deny_networks."}),
      boolean(
          KEY(access, geo_counts), false, Apply::always,
          {"Whether the status page, /v1/status and /metrics tell how many peers each country and ASN has.",
           "By access.geo_databases. Counted once a minute, beside the service. Takes 10 to 20 MB with the "
           "usual files, at most 120 MB."}),
      boolean(KEY(access, private_addresses), true, Apply::always,
              {"Whether peers with private, loopback or link-local addresses may announce.",
               "Set it to false on a tracker for the public Internet."}),
      list(KEY(access, trusted_proxies), common::parse_network, 256, kNetworks, "", Apply::tracker,
           {"Proxies in front of the HTTP tracker whose word about the client's address is taken."}),
      text(KEY(access, client_header), is_header_name,
           "the name of an HTTP header of " + up_to(kHeaderNameMax, "characters"), "none", "X-Forwarded-For",
           Apply::tracker,
           {"Header in which those proxies name the client.",
            "Forwarded is read as in RFC 7239. Any other is read as a list of addresses, of which the last "
            "one that is no trusted proxy counts. Only a header that every one of the proxies sets is "
            "safe."}),
      boolean(KEY(access, proxy_protocol), false, Apply::tracker,
              {"Whether connections from those proxies begin with the PROXY protocol, version 1 or 2.",
               "If true, all of them must, and connections from others must not."}),
  };
}

std::vector<Option> limits_rows() {
  return {
      whole(KEY(limits, swarms), {0, kSwarmsMax, "no limit"}, 100'000'000, Apply::limits,
            {"Most swarms.",
             "An announce for one more fails with \"tracker is full\". Swarms told by other nodes are "
             "accepted up to twice the limit. A swarm takes about 45 bytes, plus its peers."}),
      whole(KEY(limits, peers), {0, kSwarmsMax, "no limit"}, 200'000'000, Apply::limits,
            {"Most peers in all swarms together, including stopped ones that are remembered.",
             "Works like limits.swarms. A peer takes about 9 bytes over IPv4 and 21 over IPv6. Known peers "
             "can always announce."}),
      whole(KEY(limits, peers_per_swarm), {0, kSwarmsMax, "no limit"}, 0, Apply::limits,
            {"Most live peers in one swarm.", "One more gets peers, but is not handed out to others."}),
      whole(
          KEY(limits, memory_mb), {0, kMemoryMbMax, "half of what the machine or its control group allows"},
          0, Apply::limits,
          {"Most memory for swarms and peers, in MiB.",
           "When it is full, swarms without live peers, new ones of one address, and those of an address or "
           "network that fills the store make room for others. What is allowed is read at start: the "
           "machine's memory, memory.max and memory.high of the control groups around the node, and its "
           "address space (`ulimit -v`; 2 GiB on a 32-bit processor)."}),
      whole(KEY(limits, connections), {1, kConnectionsMax}, 8192, Apply::restart,
            {"Most HTTP connections.",
             "Divided among the workers. To accept one more, a worker closes the one that has been idle "
             "longest. Lower where the system allows fewer open files (`ulimit -n`), of which 256 are kept "
             "for other uses."}),
      whole(KEY(limits, connections_per_address), {0, kConnectionsMax, "no limit"}, 1024, Apply::limits,
            {"Most HTTP connections of one client: an IPv4 address or an IPv6 /64.",
             "Enough for 4096 people behind one address of a carrier. One more is closed at once. "
             "Connections from access.trusted_proxies do not count; with "
             "access.proxy_protocol the client that the proxy names counts instead."}),
      whole(KEY(limits, requests_per_s_per_address), {0, kRequestsPerSMax, "no limit"}, 500, Apply::limits,
            {"Requests per second of one client: an IPv4 address or an IPv6 /64.",
             "Enough for 4096 people behind one address of a carrier, with 50 torrents each. UDP and HTTP "
             "together, with bursts of ten seconds' worth. Beyond that, UDP requests are not "
             "answered, and HTTP requests get status 429 and a failure."}),
      whole(KEY(limits, requests_per_s_per_prefix), {0, kRequestsPerSMax, "no limit"}, 20'000, Apply::limits,
            {"Requests per second of one network: an IPv4 /24 or an IPv6 /48.",
             "Works like limits.requests_per_s_per_address, and both apply."}),
  };
}

std::vector<Option> bans_rows() {
  constexpr uint32_t kManyMax = 100'000'000;
  const auto many = [](std::string_view zero) { return WholeRange{0, kManyMax, zero}; };
  const auto ban_s = seconds(1, proto::kBanLongestS);
  return {
      choice(
          KEY(bans, mode), kBanModes, BanMode::log, Apply::bans,
          {"What is done with clients that do far more than clients do: off, log or on.",
           "on: they are banned for a while, on all nodes. log: nobody is, but status, metrics and `shoal "
           "ban list` show who would be; bans by hand are in force. A client is an IPv4 address or an IPv6 "
           "/64, and only what comes from an address that is proved counts."}),
      whole(KEY(bans, window_s), seconds(10, kDayS), 600, Apply::bans,
            {"Time in which the following counts are compared with what is allowed, in seconds.",
             "A count shrinks steadily, from what is allowed to nothing within this time."}),
      whole(KEY(bans, over_rate), many("they are not counted"), 10'000, Apply::bans,
            {"Requests above limits.requests_per_s_per_address before a client is banned.",
             "10 more for each client program that is seen behind the address, up to 16384 of them."}),
      whole(KEY(bans, new_swarms), many("they are not counted"), 10'000, Apply::bans,
            {"Announces of swarms that nobody else is in before a client is banned.",
             "5 more for each client program behind the address."}),
      whole(KEY(bans, ports_per_swarm), many("they are not counted"), 200, Apply::bans,
            {"New ports in one swarm before a client is banned.",
             "2 more for each client program behind the address."}),
      whole(KEY(bans, malformed), many("they are not counted"), 1'000, Apply::bans,
            {"HTTP requests that cannot be read, and TLS handshakes, before a client is banned.",
             "1 more for each client program behind the address."}),
      whole(KEY(bans, full_scrapes), many("they are not counted"), 20, Apply::bans,
            {"Full scrapes before tracker.full_scrape_interval_s is over, before a client is banned."}),
      whole(KEY(bans, first_s), ban_s, 60, Apply::bans, {"How long a first ban lasts, in seconds."}),
      whole(KEY(bans, second_s), ban_s, 600, Apply::bans,
            {"How long the next ban lasts, in seconds.", "Within a day after the end of the first."}),
      whole(KEY(bans, third_s), ban_s, 3'600, Apply::bans,
            {"How long the one after that lasts, in seconds."}),
      whole(KEY(bans, longest_s), ban_s, kDayS, Apply::bans, {"How long all further ones last, in seconds."}),
      list(KEY(bans, exempt), common::parse_network, 256, kNetworks, "", Apply::bans,
           {"Networks whose clients are never banned.",
            "As access.trusted_proxies are not. Bans by other nodes are not in force for them either."}),
  };
}

std::vector<Option> sync_rows() {
  return {
      address(KEY(sync, listen), parse_listen_address, "one address such as 192.0.2.1:6970 or [::]:6970",
              "off", "", Apply::restart,
              {"Address of the sync channel, UDP and TCP.", "If off, this node runs on its own."}),
      address(KEY(sync, advertise), parse_unicast_address,
              "one address such as 192.0.2.1:6970, not 0.0.0.0 or [::]",
              "the address that our packets come from", "", Apply::restart,
              {"Address at which the other nodes reach this one.", "Needed behind address translation."}),
      list(KEY(sync, peers), parse_host_port, 256, "HOST:PORT; HOST is a name, 192.0.2.1 or [2001:db8::1]",
           "", Apply::sync,
           {"Some of the other nodes; the rest is learnt from them.",
            "Names are resolved every 60 s, and all their addresses are used. The list may contain this "
            "node."}),
      list(KEY(sync, multicast), parse_multicast_group, 16,
           "GROUP:PORT%INTERFACE such as 239.192.0.42:6970%eth0 or [ff15::42]:6970%eth0", "", Apply::restart,
           {"Multicast groups of the cluster.",
            "A node that hears a group needs no unicast copy. Without %INTERFACE the system chooses one."}),
      whole(KEY(sync, pace_mbit_s), {1, 10'000}, 50, Apply::sync,
            {"Highest rate to one other node or multicast group, in megabits per second.",
             "When it is not enough, stopped peers are sent first and peers that merely announced again "
             "last. Repeats of lost packets take at most a fifth of it."}),
      name(KEY(sync, cluster), kOptionNameMax, "", "default", Apply::restart,
           {"Name of the cluster.", "Packets of another cluster are ignored, even with the same key."}),
      name(KEY(sync, site), proto::kSyncSiteMax, "no site", "", Apply::restart,
           {"Where this node is: the same short name on all nodes that are near each other, such as \"fra\".",
            "A change of a peer then crosses to another site once, and one node there passes it on to the "
            "others. Without it each node is sent to by itself."}),
      list(KEY(sync, key_files), text_if<is_path>, 16, "paths of key files", "", Apply::always,
           {"Files with the keys of the cluster.",
            "`shoal keygen FILE` makes one. This node seals with the first key and opens with all of them. "
            "To change keys, add the new key on all nodes, then put it first on all nodes, then remove the "
            "old one."}),
      boolean(KEY(sync, insecure), false, Apply::restart,
              {"Sync without a key.",
               "Anyone who can send a packet to sync.listen can then add and remove peers. And anyone at all "
               "can forge connection ids, so that the UDP tracker answers to addresses that never asked. "
               "For trials on loopback."}),
      whole(KEY(sync, donate_mbit_s), {0, 100'000, "no limit"}, 160, Apply::sync,
            {"Highest rate for sending peers to nodes that lack them, in megabits per second.",
             "For all of them together. A node asks for everything when it starts, and for what it missed "
             "after it was cut off."}),
  };
}

std::vector<Option> admin_rows() {
  return {
      address(KEY(admin, listen), parse_listen_address, "one address such as 127.0.0.1:9697 or [::1]:9697",
              "off", "127.0.0.1:9697", Apply::restart,
              {"Address of /metrics, /healthz, /readyz, /status.json, the API under /v1/ and the page at /.",
               "Anyone who can reach it can read everything: keep it on loopback or a private network."}),
      boolean(
          KEY(admin, tls), false, Apply::restart,
          {"Whether admin.listen speaks TLS, and nothing else.",
           "With the certificates of the tracker: the client's SNI chooses one, the first is for all "
           "others. The commands then need --admin https://HOST:PORT, and SSL_CERT_FILE if the certificate "
           "is not one of a public authority."}),
      path(KEY(admin, token_file), "file", Apply::always,
           {"File with the token that requests to change something must carry.",
            "One line of 16 to 256 characters: `openssl rand -hex 32`. Without a token, any user of this "
            "machine can make changes, but nobody else can, nor a request through a proxy. Reading needs no "
            "token."}),
      list(KEY(admin, hosts), text_if<is_host_name>, 64, "names such as shoal.example.org", "", Apply::always,
           {"Names by which the admin endpoint may be asked for, besides addresses, localhost and node.name.",
            "Needed where a proxy passes its own name on, or Prometheus uses one. Requests to any other name "
            "get status 421: a web page can have its own name lead to this machine."}),
      text(
          KEY(admin, member_url), is_member_url,
          "a URL such as http://{name}:9697/ or https://shoal.example/{name}/ with {name} or {address} in it",
          "no links", "", Apply::always,
          {"Where your browser finds the page of another node, for links on the page at /.",
           "{name} stands for its node.name, {address} for the address (without port) of its sync channel. A "
           "node cannot know this: browsers come through tunnels and proxies."}),
      path(KEY(admin, export_file), "file", Apply::exports,
           {"File to which the seeders, leechers and downloads of every swarm are written at intervals.",
            "Replaced as a whole. Compressed if the name ends with .gz or .zst. Opened as node.user and "
            "inside node.chroot."}),
      whole(KEY(admin, export_interval_s), seconds(1, kDayS), 3600, Apply::exports,
            {"Time between two writes of admin.export_file, in seconds."}),
      choice(KEY(admin, export_format), proto::kDumpFormatNames, proto::DumpFormat::text, Apply::exports,
             {"Format of admin.export_file.",
              "txt: HEX:seeders:leechers; txtp: HEX:seeders:leechers:completed; bin: 20 + 4 + 4 bytes; ben: "
              "like the answer to a scrape; url: like txt, with the info_hash percent-encoded; json: one "
              "object per line."}),
  };
}

std::vector<Option> stats_rows() {
  return {
      text(KEY(stats, path), is_stats_path,
           "a path of 2 to " + std::to_string(kStatsPathMax) +
               " letters, digits, '.', '_', '-' or '/' that begins with '/', not /announce or /scrape",
           "off", "", Apply::tracker,
           {"Path of the statistics page on the tracker's HTTP port; opentracker uses /stats.",
            "?mode=peer, torr, conn, tcp4, udp4, scrp, fscr, completed, syncs, herr, renew, top10, top100, "
            "startstop, version or everything; with tracker.full_scrape also tpbs and statedump."}),
      list(KEY(stats, networks), common::parse_network, 256, kNetworks, "127.0.0.0/8,::1/128", Apply::tracker,
           {"Networks whose clients may read the statistics.", "0.0.0.0/0 and ::/0 together mean everyone."}),
  };
}

std::vector<Option> xdp_rows() {
  return {
      list(KEY(xdp, interfaces), text_if<is_interface_name>, kXdpInterfacesMax,
           "names of network interfaces such as eth0", "", Apply::restart,
           {"Network interfaces on which the kernel answers connects and drops floods, before the sockets.",
            "Needs a start as root, or with CAP_NET_ADMIN and CAP_BPF. Where it does not work, the log says "
            "why and the sockets serve as before. Firewall and tcpdump do not see what it answers or drops. "
            "Only for the addresses of tracker.udp that this machine has."}),
      choice(KEY(xdp, mode), kXdpModes, XdpMode::automatic, Apply::restart,
             {"Where the program of xdp.interfaces runs.",
              "native: in the driver, which must support it. generic: after the driver, with any, at a "
              "greater cost. auto: native where the driver supports it, generic elsewhere."}),
  };
}

std::vector<Option> tls_rows() {
  return {
      choice(KEY(tls, min_version), kTlsVersions, TlsVersion::v1_2, Apply::always,
             {"Oldest version of TLS that is spoken.",
              "1.2 and 1.3 are, with ciphers that authenticate and keep forward secrecy."}),
  };
}

std::vector<Option> websocket_rows() {
  return {
      list(KEY(websocket, origins), text_if<is_origin>, 256, "origins such as https://example.org", "",
           Apply::tracker,
           {"Sites whose pages may use the tracker by WebSocket.",
            "Letter by letter what the browser sends as Origin. Empty: all, and programs that are no "
            "browsers. A "
            "program can send any Origin: this keeps other sites out, not other programs."}),
      whole(
          KEY(websocket, interval_s), seconds(10, 3600), 120, Apply::tracker,
          {"Time between two announces of a WebTorrent client, in seconds.",
           "Short, as peers meet by the offers that come with announces. Spread by tracker.interval_jitter. "
           "Also the least time between two scrapes that clients are told."}),
      whole(KEY(websocket, offers_per_announce), {1, 20}, 10, Apply::tracker,
            {"Most offers of one announce that are handed to other peers.",
             "Each goes to one peer. Those beyond are left out."}),
      whole(KEY(websocket, swarms_per_connection), {1, 10'000}, 250, Apply::tracker,
            {"Most swarms that one connection may be in.", "An announce for one more fails."}),
  };
}

std::vector<Option> all_rows() {
  std::vector<Option> rows;
  for (auto* section : {node_rows, tracker_rows, access_rows, limits_rows, bans_rows, sync_rows, admin_rows,
                        stats_rows, xdp_rows, tls_rows, websocket_rows}) {
    for (Option& option : section()) rows.push_back(std::move(option));
  }
  return rows;
}

}  // namespace

}  // namespace option_rows

namespace {

constexpr std::array kSections = {
    Section{"node", "This process."},
    Section{"tracker", "What BitTorrent clients see."},
    Section{"access", "Who may announce what. Off by default."},
    Section{"limits", "How much clients may use. Where 0 is allowed, it means no limit."},
    Section{"bans", "Clients that go too far are shut out for a while, on all nodes."},
    Section{"sync", "The channel between the nodes of a cluster. All nodes of a cluster are equal."},
    Section{"admin", "Metrics, health and status over HTTP, for operators."},
    Section{"stats", "opentracker's statistics page, for the scripts that read it."},
    Section{"xdp", "A shield in front of the UDP sockets: a program in the kernel (XDP). Off by default."},
    Section{"tls", "HTTPS: tracker.https and admin.tls."},
    Section{"websocket", "WebTorrent clients, if tracker.websocket is true."},
};

}  // namespace

std::span<const Option> option_table() {
  static const std::vector<Option> rows = option_rows::all_rows();
  return rows;
}

std::span<const Section> sections() { return kSections; }

const Option* find_option(std::string_view key) {
  const std::span<const Option> rows = option_table();
  const auto found = std::find_if(rows.begin(), rows.end(), [&](const Option& o) { return o.key == key; });
  return found == rows.end() ? nullptr : &*found;
}

std::vector<std::string> option_keys() {
  std::vector<std::string> keys;
  keys.reserve(option_table().size());
  for (const Option& option : option_table()) keys.emplace_back(option.key);
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

#undef KEY
