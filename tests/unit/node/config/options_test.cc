#include <doctest/doctest.h>

#include <algorithm>
#include <iterator>
#include <string>
#include <vector>

#include "node/config/option_values.h"
#include "node/config/resolve_options.h"

using namespace shoal::node;
using shoal::common::parse_endpoint;
using shoal::common::parse_network;

namespace {

OptionSources file(std::string text) {
  OptionSources sources;
  sources.file_name = "f.toml";
  sources.file_text = std::move(text);
  sources.host_name = "host-1";
  return sources;
}

std::string error_of(const OptionSources& sources) {
  const auto options = resolve_options(sources);
  return options ? "no error" : options.error().message;
}

std::string error_of(const std::string& text) { return error_of(file(text)); }

}  // namespace

TEST_CASE("options: without any source they have their defaults") {
  OptionSources sources;
  sources.host_name = "alpha.example org";
  const auto options = resolve_options(sources);
  REQUIRE(options);
  CHECK(options->node.name == "alpha.example-org");
  CHECK(options->node.workers == 0);
  CHECK(options->node.user.empty());
  CHECK(options->node.chroot.empty());
  CHECK(options->node.confine_calls);
  CHECK(options->node.confine_files);
  CHECK(options->node.log_level == shoal::common::LogLevel::info);
  CHECK(options->node.log_format == shoal::common::LogFormat::text);
  const std::vector both = {*parse_endpoint("0.0.0.0:6969"), *parse_endpoint("[::]:6969")};
  CHECK(options->tracker.udp == both);
  CHECK(options->tracker.http == both);
  CHECK(options->tracker.interval_s == 1800);
  CHECK(options->tracker.interval_jitter == 0.1);
  CHECK(options->tracker.peer_timeout_s == 2700);
  CHECK(options->tracker.numwant_default == 50);
  CHECK(options->tracker.numwant_max == 200);
  CHECK(!options->tracker.full_scrape);
  CHECK(options->tracker.full_scrape_interval_s == 300);
  CHECK(options->tracker.http_keep_alive);
  CHECK(options->admin.export_file.empty());
  CHECK(options->admin.export_interval_s == 3600);
  CHECK(options->stats.path.empty());
  CHECK(options->stats.networks == std::vector{*parse_network("127.0.0.0/8"), *parse_network("::1/128")});
  CHECK(options->admin.export_format == shoal::proto::DumpFormat::text);
  CHECK(options->limits.swarms == 100'000'000);
  CHECK(options->limits.peers == 200'000'000);
  CHECK(options->limits.connections == 8192);
  CHECK(!options->sync.listen);
  CHECK(!options->sync.advertise);
  CHECK(options->sync.peers.empty());
  CHECK(options->sync.multicast.empty());
  CHECK(options->sync.cluster == "default");
  CHECK(options->sync.site.empty());
  CHECK(options->sync.key_files.empty());
  CHECK(!options->sync.insecure);
  CHECK(options->admin.listen == parse_endpoint("127.0.0.1:9697"));
  CHECK(options->xdp.interfaces.empty());
  CHECK(options->xdp.mode == shoal::node::XdpMode::automatic);
}

TEST_CASE("options: every key can be set in the file") {
  const auto options = resolve_options(file(R"(
[node]
name = "a.b_c-1"
workers = 3
user = "nobody"
chroot = "/var/empty"
confine_calls = false
confine_files = false
log_level = "debug"
log_format = "json"
[tracker]
udp = ["127.0.0.1:1", "[::1]:2"]
http = []
http_keep_alive = false
interval_s = 60
interval_jitter = 0
peer_timeout_s = 90
numwant_default = 10
numwant_max = 20
full_scrape = true
full_scrape_interval_s = 0
min_interval_s = 50
target_rps = 1000
interval_max_s = 70
numwant_max_udp = 15
numwant_max_http = 18
ip_param = "any"
warning = "hello, you"
redirect_url = "https://tracker.example/about"
[access]
mode = "deny"
file = "/etc/shoal.list"
state_file = "state"
fifo_add = "add"
fifo_delete = "delete"
clients_allow = ["-qB", "-TR4"]
clients_deny = "-XL"
deny_networks = ["192.0.2.0/24", "2001:db8::/32"]
private_addresses = false
trusted_proxies = ["10.0.0.0/8"]
client_header = "Forwarded"
proxy_protocol = true
[sync]
listen = "[::1]:6970"
advertise = "192.0.2.1:6970"
peers = "one.example:6970"  # a string is a list of one
multicast = ["[ff15::41]:6970%lo", "[ff15::42]:6970"]
cluster = "c"
site = "fra"
key_files = ["/run/secrets/key", "relative, with comma"]
insecure = false
[admin]
listen = ""
export_file = "swarms.gz"
export_interval_s = 60
export_format = "json"
[stats]
path = "/info_stats"
networks = ["10.0.0.0/8", "2001:db8::/32"]
[xdp]
interfaces = ["eth0", "enp1s0.7"]
mode = "generic"
)"));
  REQUIRE(options);
  CHECK(options->node.name == "a.b_c-1");
  CHECK(options->node.workers == 3);
  CHECK(options->node.user == "nobody");
  CHECK(options->node.chroot == "/var/empty");
  CHECK(!options->node.confine_calls);
  CHECK(!options->node.confine_files);
  CHECK(options->node.log_level == shoal::common::LogLevel::debug);
  CHECK(options->node.log_format == shoal::common::LogFormat::json);
  CHECK(options->tracker.udp == std::vector{*parse_endpoint("127.0.0.1:1"), *parse_endpoint("[::1]:2")});
  CHECK(options->tracker.http.empty());
  CHECK(!options->tracker.http_keep_alive);
  CHECK(options->tracker.interval_s == 60);
  CHECK(options->tracker.interval_jitter == 0);
  CHECK(options->tracker.peer_timeout_s == 90);
  CHECK(options->tracker.numwant_default == 10);
  CHECK(options->tracker.full_scrape);
  CHECK(options->tracker.full_scrape_interval_s == 0);
  CHECK(options->admin.export_file == "swarms.gz");
  CHECK(options->admin.export_interval_s == 60);
  CHECK(options->stats.path == "/info_stats");
  CHECK(options->stats.networks ==
        std::vector{*parse_network("10.0.0.0/8"), *parse_network("2001:db8::/32")});
  CHECK(options->xdp.interfaces == std::vector<std::string>{"eth0", "enp1s0.7"});
  CHECK(options->xdp.mode == shoal::node::XdpMode::generic);
  CHECK(options->admin.export_format == shoal::proto::DumpFormat::json);
  CHECK(options->tracker.numwant_max == 20);
  CHECK(options->tracker.min_interval_s == 50);
  CHECK(options->tracker.target_rps == 1000);
  CHECK(options->tracker.interval_max_s == 70);
  CHECK(options->tracker.numwant_max_udp == 15);
  CHECK(options->tracker.numwant_max_http == 18);
  CHECK(options->tracker.ip_param == IpParam::any);
  CHECK(options->tracker.warning == "hello, you");
  CHECK(options->tracker.redirect_url == "https://tracker.example/about");
  CHECK(options->access.mode == AccessMode::deny);
  CHECK(options->access.file == "/etc/shoal.list");
  CHECK(options->access.state_file == "state");
  CHECK(options->access.fifo_add == "add");
  CHECK(options->access.fifo_delete == "delete");
  CHECK(options->access.clients_allow == std::vector<std::string>{"-qB", "-TR4"});
  CHECK(options->access.clients_deny == std::vector<std::string>{"-XL"});
  CHECK(options->access.deny_networks.size() == 2);
  CHECK(!options->access.private_addresses);
  CHECK(options->access.trusted_proxies == std::vector{*shoal::common::parse_network("10.0.0.0/8")});
  CHECK(options->access.client_header == "Forwarded");
  CHECK(options->access.proxy_protocol);
  CHECK(options->sync.listen == parse_endpoint("[::1]:6970"));
  CHECK(options->sync.advertise == parse_endpoint("192.0.2.1:6970"));
  CHECK(options->sync.peers == std::vector{HostPort{"one.example", 6970}});
  REQUIRE(options->sync.multicast.size() == 2);
  CHECK(options->sync.multicast[0] == MulticastGroup{*parse_endpoint("[ff15::41]:6970"), "lo"});
  CHECK(options->sync.multicast[1] == MulticastGroup{*parse_endpoint("[ff15::42]:6970"), ""});
  CHECK(options->sync.cluster == "c");
  CHECK(options->sync.site == "fra");
  CHECK(options->sync.key_files == std::vector<std::string>{"/run/secrets/key", "relative, with comma"});
  CHECK(!options->admin.listen);
}

TEST_CASE("options: feeds and places") {
  const auto options = resolve_options(file(R"(
[access]
feeds = ["a networks 60 https://lists.example/a.gz?x=1", "b  hashes 2592000  /a path/with blanks"]
feed_folder = "/var/lib/feeds"
geo_databases = ["asn.mmdb"]
deny_countries = ["NL", "DE"]
deny_asns = ["AS64496", "64497"]
geo_counts = true
)"));
  REQUIRE(options);
  REQUIRE(options->access.feeds.size() == 2);
  CHECK(options->access.feeds[0] ==
        FeedSource{"a", FeedKind::networks, 60, "https://lists.example/a.gz?x=1"});
  CHECK(options->access.feeds[1] == FeedSource{"b", FeedKind::hashes, 2'592'000, "/a path/with blanks"});
  CHECK(options->access.deny_asns == std::vector<uint32_t>{64496, 64497});
  CHECK(options->access.geo_counts);
  for (const char* bad : {"", "a", "a networks", "a networks 60", "a networks 59 /x", "a networks 2592001 /x",
                          "a networks x /x", "a lists 60 /x", "a/b networks 60 /x", "a networks 60 x",
                          "a networks 60 ftp://x/", "a networks 60 http://"}) {
    CAPTURE(bad);
    CHECK(error_of("[access]\nfeeds = [\"" + std::string(bad) + "\"]").find("is not allowed") !=
          std::string::npos);
  }
  // What is wrong with it is not its password, which would go to the log and to the status.
  for (const char* secret : {"a lists 60 https://u:a-secret@h/x", "a networks 60 https:/u:a-secret@h/",
                             "a networks 59 https://h/?key=a-secret", "a lists 60 https://u:1/a-secret@h/"}) {
    const std::string error = error_of("[access]\nfeeds = [\"" + std::string(secret) + "\"]");
    CHECK(error.find("is not allowed") != std::string::npos);
    CHECK(error.find("a-secret") == std::string::npos);
  }
  CHECK(error_of("[access]\nfeeds = [\"a networks 60 /x\", \"a hashes 60 /y\"]")
            .find("two feeds are named a") != std::string::npos);
  for (const char* bad : {"nl", "NLD", "N1"})
    CHECK(error_of("[access]\ndeny_countries = [\"" + std::string(bad) + "\"]").find("is not allowed") !=
          std::string::npos);
  for (const char* bad : {"AS0", "AS", "4294967295", "AS-1"})
    CHECK(error_of("[access]\ndeny_asns = [\"" + std::string(bad) + "\"]").find("is not allowed") !=
          std::string::npos);
  for (const char* used : {"deny_asns = [\"AS1\"]", "geo_counts = true"}) {
    CHECK(error_of("[access]\n" + std::string(used)).find("access.geo_databases is not") !=
          std::string::npos);
  }
  CHECK(resolve_options(file("[access]\ngeo_counts = false\n")));
}

TEST_CASE("options: flag over environment over file over default") {
  OptionSources sources = file("[tracker]\nnumwant_max = 101\nnumwant_default = 1\nudp = \"127.0.0.1:1\"\n");
  CHECK(resolve_options(sources)->tracker.numwant_max == 101);
  sources.environment = {{"SHOAL_TRACKER_NUMWANT_MAX", "102"},
                         {"SHOAL_CONFIG", "/somewhere"},
                         {"PATH", "/bin"},
                         {"SHOAL_TRACKER_UDP", "127.0.0.1:2 , [::1]:3"}};
  CHECK(resolve_options(sources)->tracker.numwant_max == 102);
  CHECK(resolve_options(sources)->tracker.udp ==
        std::vector{*parse_endpoint("127.0.0.1:2"), *parse_endpoint("[::1]:3")});
  sources.flags = {{"tracker.numwant_max", "103"}, {"tracker.udp", ""}};
  const auto options = resolve_options(sources);
  REQUIRE(options);
  CHECK(options->tracker.numwant_max == 103);
  CHECK(options->tracker.numwant_default == 1);
  CHECK(options->tracker.udp.empty());  // an empty value is an empty list, not the default
}

TEST_CASE("options: an error about a value in a file names the line, the key and what is allowed") {
  struct Wrong {
    const char* text;
    const char* error;
  };
  const Wrong table[] = {
      {"[tracker]\ninterval_s = 0",
       "f.toml:2: tracker.interval_s: 0 is not allowed: a whole number of seconds"},
      {"[access]\nmode = \"black\"", "f.toml:2: access.mode: \"black\" is not allowed: open, allow or deny"},
      {"[access]\ndeny_networks = [\"10.0.0.1/8\"]",
       "\"10.0.0.1/8\" is not allowed: up to 2048 different networks"},
      {"[access]\ntrusted_proxies = \"proxy.example\"",
       "\"proxy.example\" is not allowed: up to 256 different"},
      {"[access]\nclient_header = \"X Y\"", "\"X Y\" is not allowed: the name of an HTTP header"},
      {"[access]\nclients_deny = [\"\"]", "\"\" is not allowed: up to 256 different beginnings"},
      {"[access]\nclients_allow = [\"123456789012345678901\"]",
       " is not allowed: up to 256 different beginnings"},
      {"[tracker]\nredirect_url = \"javascript:x\"",
       "\"javascript:x\" is not allowed: a URL that begins with http"},
      {"[tracker]\nredirect_url = \"http://\"", "is not allowed: a URL that begins with http"},
      {"[tracker]\nwarning = \"\u00fc\"", "is not allowed: up to 200 printable ASCII characters"},
      {"[tracker]\nip_param = true", "a boolean is not allowed: ignore, trusted or any"},
      {"[tracker]\n\ninterval_s = 86401", "f.toml:3: tracker.interval_s: 86401 is not allowed: "},
      {"[tracker]\ninterval_s = -1", "f.toml:2: tracker.interval_s: -1 is not allowed: "},
      {"[tracker]\ninterval_s = 9223372036854775807", "interval_s: 9223372036854775807 is not allowed: "},
      {"[tracker]\ninterval_s = 9223372036854775808", "f.toml:2: "},
      {"[tracker]\ninterval_s = 1.5",
       "tracker.interval_s: a number with a fraction is not allowed: a whole number"},
      {"[tracker]\ninterval_s = \"1800\"", "tracker.interval_s: a string is not allowed: a whole number"},
      {"[tracker]\ninterval_s = true", "tracker.interval_s: a boolean is not allowed: a whole number"},
      {"[tracker]\ninterval_s = [1]", "tracker.interval_s: a list is not allowed: a whole number"},
      {"[tracker]\ninterval_s = 1979-05-27",
       "tracker.interval_s: a date or time is not allowed: a whole number"},
      {"[tracker.interval_s]\nx = 1", "f.toml:1: tracker.interval_s: a table is not allowed: a whole number"},
      {"[tracker]\ninterval_jitter = 0.51",
       "tracker.interval_jitter: 0.51 is not allowed: a number from 0 to 0.5"},
      {"[tracker]\ninterval_jitter = -0.1", "tracker.interval_jitter: -0.1 is not allowed: "},
      {"[tracker]\ninterval_jitter = nan", "tracker.interval_jitter: nan is not allowed: "},
      {"[tracker]\ninterval_jitter = inf", "tracker.interval_jitter: inf is not allowed: "},
      {"[tracker]\ninterval_jitter = \"0.1\"", "tracker.interval_jitter: a string is not allowed: "},
      {"[tracker]\nudp = [\"127.0.0.1\"]",
       "f.toml:2: tracker.udp: \"127.0.0.1\" is not allowed: up to 64 different"},
      {"[tracker]\nudp = [\"127.0.0.1:0\"]", "\"127.0.0.1:0\" is not allowed: "},
      {"[tracker]\nudp = [\"127.0.0.1:65536\"]", "\"127.0.0.1:65536\" is not allowed: "},
      {"[tracker]\nudp = [\"localhost:6969\"]", "\"localhost:6969\" is not allowed: "},
      {"[tracker]\nudp = [\"::1:6969\"]", "\"::1:6969\" is not allowed: "},
      {"[tracker]\nudp = [\"239.1.2.3:6969\"]", "\"239.1.2.3:6969\" is not allowed: "},
      {"[tracker]\nudp = [\"127.0.0.1:1\", \"127.0.0.1:1\"]",
       "\"127.0.0.1:1\" is not allowed: up to 64 different"},
      {"[tracker]\nudp = [\"127.0.0.1:1\", 2]", "tracker.udp: a whole number is not allowed: "},
      {"[tracker]\nudp = [[\"127.0.0.1:1\"]]", "tracker.udp: a list is not allowed: "},
      {"[tracker]\nudp = \"\"", "tracker.udp: \"\" is not allowed: "},
      {"[tracker]\nudp = \"127.0.0.1:1\\u001b[2J\"", "\"127.0.0.1:1\\x1b[2J\" is not allowed: "},
      {"[sync]\nlisten = \"239.0.0.1:1\"", "sync.listen: \"239.0.0.1:1\" is not allowed: one address"},
      {"[sync]\nlisten = [\"127.0.0.1:1\"]", "sync.listen: a list is not allowed: one address"},
      {"[sync]\nadvertise = \"0.0.0.0:6970\"", "sync.advertise: \"0.0.0.0:6970\" is not allowed: "},
      {"[sync]\npeers = [\"a\"]", "sync.peers: \"a\" is not allowed: up to 256 different HOST:PORT"},
      {"[sync]\npeers = [\"a b:1\"]", "sync.peers: \"a b:1\" is not allowed: "},
      {"[sync]\npeers = [\"1.2.3.256:1\"]", "sync.peers: \"1.2.3.256:1\" is not allowed: "},
      {"[sync]\npeers = [\"[ff02::1]:1\"]", "sync.peers: \"[ff02::1]:1\" is not allowed: "},
      {"[sync]\nmulticast = [\"10.0.0.1:6970%lo\"]", "sync.multicast: \"10.0.0.1:6970%lo\" is not allowed: "},
      {"[sync]\nmulticast = [\"239.0.0.1%lo\"]", "sync.multicast: \"239.0.0.1%lo\" is not allowed: "},
      {"[sync]\nmulticast = [\"239.0.0.1:1%\"]", "sync.multicast: \"239.0.0.1:1%\" is not allowed: "},
      {"[sync]\nmulticast = [\"239.0.0.1:1%a/b\"]", "sync.multicast: \"239.0.0.1:1%a/b\" is not allowed: "},
      {"[sync]\ncluster = \"\"", "sync.cluster: \"\" is not allowed: 1 to 64 letters"},
      {"[sync]\ncluster = \"a b\"", "sync.cluster: \"a b\" is not allowed: "},
      {"[sync]\nsite = \"a b\"", "sync.site: \"a b\" is not allowed: "},
      {"[sync]\nsite = \"a-name-of-17-byte\"", "sync.site: \"a-name-of-17-byte\" is not allowed: "},
      {"[sync]\nsite = \"fra\"", "sync.site: is set but sync.listen is not"},
      {"[sync]\nkey_files = [\"\"]", "sync.key_files: \"\" is not allowed: "},
      {"[sync]\nkey_files = [\"a\\u0000b\"]", "sync.key_files: \"a\\x00b\" is not allowed: "},
      {"[sync]\ninsecure = 1", "sync.insecure: a whole number is not allowed: true or false"},
      {"[sync]\ninsecure = \"true\"", "sync.insecure: a string is not allowed: true or false"},
      {"[node]\nname = \"a/b\"", "node.name: \"a/b\" is not allowed: 1 to 64 letters"},
      {"[node]\nworkers = 257", "node.workers: 257 is not allowed: a whole number from 0 to 256"},
      {"[node]\nuser = \"a b\"", "node.user: \"a b\" is not allowed: "},
      {"[node]\nchroot = \"relative\"", "node.chroot: \"relative\" is not allowed: the absolute path"},
      {"[node]\nlog_level = \"loud\"", "node.log_level: \"loud\" is not allowed: debug, info, warn or error"},
      {"[node]\nlog_format = \"xml\"", "node.log_format: \"xml\" is not allowed: text or json"},
      {"[tracker]\ninterval = 5",
       "f.toml:2: tracker.interval: unknown key; did you mean tracker.interval_s?"},
      {"[tracker]\nzzzzzzzzzzzzzzz = 5", "f.toml:2: tracker.zzzzzzzzzzzzzzz: unknown key"},
      {"[traker]\nudp = []", "f.toml:1: traker: unknown section; did you mean tracker?"},
      {"name = \"a\"", "f.toml:1: name: unknown key outside of the sections"},
      {"node = 1", "f.toml:1: node: a whole number is not allowed: a section [node]"},
      {"[[node]]\nname = \"a\"", "f.toml:1: node: a list is not allowed: a section [node]"},
      {"[node]\nname = \"a\"\nname = \"b\"", "f.toml:3: "},
      {"[node]\n[node]", "f.toml:2: "},
      {"[node\nname = 1", "f.toml:1: "},
      {"[node]\nname = \"\xff\"", "f.toml:2: "},
      {"\x7f", "f.toml:1: "},
  };
  for (const Wrong& wrong : table) {
    CAPTURE(wrong.text);
    CHECK_MESSAGE(error_of(wrong.text).find(wrong.error) != std::string::npos, error_of(wrong.text));
  }
}

TEST_CASE("options: an error about a flag or a variable names it") {
  OptionSources sources;
  sources.flags = {{"tracker.interval_s", "x"}};
  CHECK(error_of(sources) ==
        "--tracker.interval_s: x is not allowed: a whole number of seconds from 1 to 86400");
  sources.flags = {{"tracker.intervals", "1"}};
  CHECK(error_of(sources) == "--tracker.intervals: unknown flag; did you mean tracker.interval_s?");
  sources.flags = {{"tracker.udp", "127.0.0.1:1,"}};
  CHECK(error_of(sources).starts_with("--tracker.udp: \"\" is not allowed: "));
  for (const char* text : {"+1", " 1", "1 ", "0x10", "1e3", "", "4294967297", "99999999999999999999"}) {
    CAPTURE(text);
    sources.flags = {{"tracker.interval_s", text}};
    CHECK(error_of(sources).starts_with("--tracker.interval_s: "));
  }
  for (const char* text : {"", ".1", "+0.1", "-0.1", "0.1x", "inf", "nan", "0,1", "1e-1000000"}) {
    CAPTURE(text);
    sources.flags = {{"tracker.interval_jitter", text}};
    CHECK(error_of(sources).starts_with("--tracker.interval_jitter: "));
  }
  for (const char* text : {"", "yes", "1", "True", "true "}) {
    CAPTURE(text);
    sources.flags = {{"sync.insecure", text}};
    CHECK(error_of(sources).starts_with("--sync.insecure: "));
  }
  sources.flags = {};
  sources.environment = {{"SHOAL_TRACKER_INTERVAL_S", "0"}};
  CHECK(error_of(sources) ==
        "environment variable SHOAL_TRACKER_INTERVAL_S: 0 is not allowed: a whole number of seconds from 1 "
        "to 86400");
  sources.environment = {{"SHOAL_TRACKER_INTERVAL", "1"}};
  CHECK(error_of(sources) ==
        "environment variable SHOAL_TRACKER_INTERVAL: no option has this name; did you mean "
        "SHOAL_TRACKER_INTERVAL_S?");
  // A variable that names no section is not ours: Kubernetes sets these for a service named shoal.
  sources.environment = {
      {"SHOAL_SERVICE_HOST", "192.0.2.1"}, {"SHOAL_PORT", "tcp://192.0.2.1:80"}, {"SHOAL_NODE", ""}};
  CHECK(resolve_options(sources).has_value());
}

TEST_CASE("options: the path of the statistics needs no escape and is none of the tracker's own") {
  for (const char* path : {"/", "stats", "/announce", "/scrape", "/a b", "/a?b", "/%41"}) {
    CAPTURE(path);
    CHECK(error_of("[stats]\npath = \"" + std::string(path) + "\"").starts_with("f.toml:2: stats.path: "));
  }
  CHECK(error_of("[stats]\npath = \"/a/b-c_d.e\"") == "no error");
  CHECK(error_of("[stats]\nnetworks = [\"10.0.0.1/8\"]").starts_with("f.toml:2: stats.networks: "));
}

TEST_CASE("options: interfaces of the shield are names that the kernel could give") {
  CHECK(error_of("[xdp]\ninterfaces = [\"eth0\", \"wg-0.1\", \"fifteen-letters\"]") == "no error");
  for (const char* name : {"", ".", "..", "a/b", "a b", "a%b", "sixteen--letters"}) {
    CAPTURE(name);
    CHECK(error_of("[xdp]\ninterfaces = [\"" + std::string(name) + "\"]")
              .starts_with("f.toml:2: xdp.interfaces: "));
  }
  CHECK(error_of("[xdp]\ninterfaces = [\"eth0\", \"eth0\"]").starts_with("f.toml:2: xdp.interfaces: "));
  CHECK(error_of("[xdp]\nmode = \"offload\"") ==
        "f.toml:2: xdp.mode: \"offload\" is not allowed: auto, native or generic");
}

TEST_CASE("options: keys that contradict each other") {
  CHECK(error_of("[tracker]\nudp = []\nhttp = []").find("all empty") != std::string::npos);
  CHECK(error_of("[tracker]\ninterval_s = 2500").find("at least 3094") != std::string::npos);
  CHECK(error_of("[tracker]\ninterval_s = 2500\npeer_timeout_s = 3093")
            .starts_with("f.toml:3: tracker.peer_timeout_s: "));
  CHECK(error_of("[tracker]\ninterval_s = 2500\npeer_timeout_s = 3094") == "no error");
  CHECK(error_of("[tracker]\nnumwant_default = 201")
            .starts_with("f.toml:2: tracker.numwant_default: 201 is not"));
  CHECK(error_of("[tracker]\ntarget_rps = 100") == "no error");
  CHECK(error_of("[tracker]\ninterval_max_s = 9000") == "no error");  // only matters with a target
  CHECK(error_of("[tracker]\ntarget_rps = 100\ninterval_max_s = 2500")
            .find("interval_max_s = 2500 and its jitter") != std::string::npos);
  CHECK(
      error_of("[tracker]\ntarget_rps = 100\ninterval_max_s = 1000")
          .starts_with("f.toml:3: tracker.interval_max_s: 1000 is not allowed: at least tracker.interval_s"));
  CHECK(error_of("[tracker]\nmin_interval_s = 1700")
            .starts_with("f.toml:2: tracker.min_interval_s: 1700 is not"));
  CHECK(error_of("[tracker]\nmin_interval_s = 1620") == "no error");
  CHECK(error_of("[tracker]\nip_param = \"trusted\"").find("without access.trusted_proxies") !=
        std::string::npos);
  CHECK(error_of("[access]\nproxy_protocol = true").find("without access.trusted_proxies") !=
        std::string::npos);
  CHECK(error_of("[tracker]\nip_param = \"trusted\"\n[access]\nproxy_protocol = true\ntrusted_proxies = "
                 "[\"10.0.0.0/8\"]") == "no error");
  CHECK(error_of("[sync]\nlisten = \"127.0.0.1:6970\"").find("shoal keygen FILE") != std::string::npos);
  CHECK(error_of("[sync]\nlisten = \"127.0.0.1:6970\"\ninsecure = true") == "no error");
  CHECK(error_of("[sync]\nlisten = \"127.0.0.1:6970\"\nkey_files = \"k\"") == "no error");
  CHECK(error_of("[sync]\nlisten = \"127.0.0.1:6970\"\ninsecure = true\nkey_files = \"k\"")
            .starts_with("f.toml:3: sync.insecure: true is not allowed"));
  for (const char* key : {"peers = \"a:1\"", "multicast = \"239.0.0.1:1\"", "advertise = \"192.0.2.1:1\""}) {
    CHECK(error_of(std::string("[sync]\n") + key).find("is set but sync.listen is not") != std::string::npos);
  }
  // One socket sends to all groups.
  CHECK(error_of("[sync]\nlisten = \"127.0.0.1:6970\"\ninsecure = true\nmulticast = [\"239.0.0.1:1\", "
                 "\"[ff15::42]:1\"]")
            .starts_with(
                "f.toml:4: sync.multicast: [ff15::42]:1 is not allowed: its address family differs from that "
                "of sync.listen"));
  CHECK(error_of("[sync]\nlisten = \"[::]:6970\"\ninsecure = true\nmulticast = \"[ff12::42]:1\"")
            .find("needs an interface, as in [ff12::42]:1%eth0") != std::string::npos);
  CHECK(error_of("[sync]\nlisten = \"[::]:6970\"\ninsecure = true\nmulticast = \"[ff12::42]:1%lo\"") ==
        "no error");
  CHECK(error_of("[sync]\nlisten = \"[::]:6970\"\ninsecure = true\nmulticast = \"239.0.0.1:1\"")
            .starts_with("f.toml:4: sync.multicast: 239.0.0.1:1 is not allowed"));
  CHECK(error_of("[sync]\nlisten = \"[::]:6970\"\ninsecure = true\nmulticast = \"[ff15::42]:1\"") ==
        "no error");
  CHECK(error_of("[sync]\ninsecure = true\nlisten = \"0.0.0.0:6969\"").find("tracker.udp has it too") !=
        std::string::npos);
  CHECK(error_of("[admin]\nlisten = \"0.0.0.0:6969\"").find("tracker.http has it too") != std::string::npos);
}

TEST_CASE("options: many errors are reported at once, from the top of the file, up to a limit") {
  CHECK(
      error_of("[tracker]\ninterval_s = 0\n[node]\nworkers = -1\n[admin]\nx = 1") ==
      "f.toml:2: tracker.interval_s: 0 is not allowed: a whole number of seconds from 1 to 86400\n"
      "f.toml:4: node.workers: -1 is not allowed: a whole number from 0 to 256; 0 means one per usable CPU\n"
      "f.toml:6: admin.x: unknown key");
  std::string text = "[node]\n";
  for (size_t i = 0; i < kErrorsMax + 50; ++i) text += "zzz" + std::to_string(i) + " = 1\n";
  const std::string error = error_of(text);
  CHECK(std::count(error.begin(), error.end(), '\n') == kErrorsMax);
  CHECK(error.ends_with("and 50 more errors"));
}

TEST_CASE("options: bad values, unknown keys and keys that contradict each other are reported together") {
  OptionSources sources = file(
      "[tracker]\nintervall_s = 2500\nnumwant_max = 0\nnumwant_default = 300\nmin_interval_s = 3000\n"
      "[sync]\npeers = [\"a\"]\nmulticast = [\"239.0.0.1:1\"]\n[access]\nproxy_protocol = true\n"
      "[admin]\nlisten = \"127.0.0.1:6969\"\n");
  sources.environment = {{"SHOAL_NODE_WORKERS", "x"}};
  sources.flags = {{"node.drain_s", "-1"}};
  const ResolvedOptions resolved = resolve_all(sources);
  const char* const wanted[] = {
      "f.toml:2: tracker.intervall_s: unknown key; did you mean tracker.interval_s?",
      "f.toml:3: tracker.numwant_max: 0 is not allowed: ",
      "f.toml:7: sync.peers: \"a\" is not allowed: ",
      "environment variable SHOAL_NODE_WORKERS: x is not allowed: ",
      "--node.drain_s: -1 is not allowed: ",
      "f.toml:10: access.proxy_protocol: true is not allowed without access.trusted_proxies",
      "f.toml:8: sync.multicast: is set but sync.listen is not",
      "f.toml:12: admin.listen: 127.0.0.1:6969 is not allowed: tracker.http has 0.0.0.0:6969 too"};
  // Nothing is said of numwant_default and min_interval_s: what they are compared with is not known.
  REQUIRE(resolved.errors.size() == std::size(wanted));
  for (size_t i = 0; i < std::size(wanted); ++i) {
    CAPTURE(resolved.errors[i]);
    CHECK(resolved.errors[i].starts_with(wanted[i]));
  }
  CHECK(resolved.options.tracker.numwant_default == 300);
}

TEST_CASE("options: a line that is no TOML does not hide the mistakes in the others") {
  CHECK(
      error_of("[tracker]\ninterval_s = 0\nnumwant_max = \nudp = [\"x\"]\n[node]\nname = \"a\nworkers = -1\n")
          .starts_with("f.toml:2: tracker.interval_s: 0 is not allowed: "));
  const auto lines = resolve_all(file("[tracker]\ninterval_s = 0\nnumwant_max = \nudp = [\"x\"]\n[node]\n"
                                      "name = \"a\"\nname = \"b\"\nworkers = -1\n"))
                         .errors;
  REQUIRE(lines.size() == 5);
  for (size_t i = 0; i < lines.size(); ++i) {
    CAPTURE(lines[i]);
    CHECK(lines[i].starts_with("f.toml:" + std::vector<std::string>{"2", "3", "4", "7", "8"}[i] + ": "));
  }
  // Where it cannot be told what follows, only what stands before it is read.
  const auto cut =
      resolve_all(file("[tracker]\ninterval_s = 0\nhttp = []\nudp = []\n[node\nworkers = -1\n")).errors;
  REQUIRE(cut.size() == 2);
  CHECK(cut[0].starts_with("f.toml:2: tracker.interval_s: "));
  CHECK(cut[1].starts_with("f.toml:5: "));
  const auto open_list =
      resolve_all(file("[node]\nworkers = -1\n[tracker]\nudp = [\"127.0.0.1:1\"\nhttp = 1\n"
                       "interval_s = 0\n"))
          .errors;
  REQUIRE(open_list.size() == 2);
  CHECK(open_list[0].starts_with("f.toml:2: node.workers: "));
}

TEST_CASE("options: whatever character follows whatever begins, it is read or an error with its line") {
  for (const std::string begin :
       {"[", "[[", "", "a.", "[a.", "a = {", "a = {x = 1, ", "a = [", "a = ", "a = \"\\"}) {
    for (int code = 0; code < 256; ++code) {
      const std::string text = "\n\n" + begin + static_cast<char>(code);
      CAPTURE(text);
      const std::string error = error_of(text);
      // toml++ may see what is wrong one character before, or at the end.
      const bool has_line =
          error.starts_with("f.toml:") && error.size() > 9 && error[7] >= '2' && error[7] <= '4';
      CHECK((error == "no error" || has_line));
    }
  }
  CHECK(error_of("[node]\nname = \"a\"\n[!tracker]\nudp = []\n") ==
        "f.toml:3: a character that cannot stand here");
  CHECK(error_of("[tracker]\nudp = [}\n") == "f.toml:2: a character that cannot stand here");
}

TEST_CASE("options: a date stretched by underscores is an error of its line") {
  for (size_t count = 1; count < 300; ++count) {
    CAPTURE(count);
    const std::string some(count, '_');
    for (const std::string& date :
         {"2020-01-0" + some + "1", "2" + some + "020-01-01", "2020-01-0" + some + "="}) {
      for (const char* rest : {" 1", " 12", " 12:00:00", " 1,"}) {
        const std::string text = "[node]\nname = " + date + rest;
        CAPTURE(text);
        CHECK(error_of(text).starts_with("f.toml:2: "));
      }
    }
  }
  const std::string ruler(200, '_');
  CHECK(error_of("[tracker]\nudp = []\nhttp = [\"0.0.0.0:1\"]\n # " + ruler + " 1\n") == "no error");
  CHECK(error_of("\n" + ruler) == "f.toml:2: a word with more than 100 underscores");
}

TEST_CASE("options: a wildcard address includes the others of its family and port") {
  const std::string tracker = "[tracker]\nudp = [\"127.0.0.1:7000\"]\nhttp = [\"[::]:7001\"]\n";
  CHECK(error_of(tracker + "[sync]\ninsecure = true\nlisten = \"0.0.0.0:7000\"")
            .ends_with("sync.listen: 0.0.0.0:7000 is not allowed: tracker.udp has 127.0.0.1:7000 too"));
  CHECK(error_of(tracker + "[admin]\nlisten = \"[::1]:7001\"").ends_with("tracker.http has [::]:7001 too"));
  CHECK(error_of(tracker + "[admin]\nlisten = \"127.0.0.1:7001\"") == "no error");
  CHECK(error_of(tracker + "[admin]\nlisten = \"127.0.0.1:7000\"") == "no error");
}

TEST_CASE("options: a file is bounded in size, depth and list length") {
  CHECK(error_of(std::string((1 << 20) + 1, '\n')) == "f.toml: is larger than 1048576 bytes");
  CHECK(error_of(std::string(1 << 20, '\n')) == "no error");
  std::string deep = "a";
  while (deep.size() < 400'000) deep += ".a";
  CHECK(error_of(deep + " = 1").find("dots") != std::string::npos);
  CHECK(error_of("x = " + std::string(100'000, '[')).starts_with("f.toml:1: "));
  std::string list;
  for (int i = 1; i <= 65; ++i) list += "\"127.0.0.1:" + std::to_string(i) + "\",";
  CHECK(error_of("[tracker]\nudp = [" + list + "]").find("a list of more than 64 is not allowed") !=
        std::string::npos);
  CHECK(error_of("[sync]\nkey_files = \"" + std::string(5000, 'a') + "\"").find("is not allowed") !=
        std::string::npos);
  // As deep as the limit on dots allows.
  deep = "a";
  for (int i = 0; i < 8190; ++i) deep += ".a";
  CHECK(error_of(deep + " = 1").find("a: unknown") != std::string::npos);
}

TEST_CASE("options: TLS") {
  const std::string pair = "[tracker]\ntls_certificates = [\"a\", \"b\"]\ntls_keys = [\"c\", \"d\"]\n";
  const auto options = resolve_options(file(pair + "https = [\"0.0.0.0:443\"]\n[admin]\ntls = true\n"));
  REQUIRE(options);
  CHECK(options->tracker.https == std::vector{*parse_endpoint("0.0.0.0:443")});
  CHECK(options->tracker.tls_keys == std::vector<std::string>{"c", "d"});
  CHECK(options->admin.tls);
  CHECK(options->tls.min_version == TlsVersion::v1_2);
  CHECK(resolve_options(file("[tls]\nmin_version = \"1.3\"\n"))->tls.min_version == TlsVersion::v1_3);
  CHECK(error_of("[tls]\nmin_version = \"1.1\"\n").find("1.2 or 1.3") != std::string::npos);
  CHECK(error_of("[tracker]\nhttps = [\"[::]:443\"]\n").find("tracker.https: needs a certificate") !=
        std::string::npos);
  CHECK(error_of("[admin]\ntls = true\n").find("admin.tls: needs a certificate") != std::string::npos);
  CHECK(error_of("[tracker]\ntls_certificates = [\"a\"]\n").find("0 keys for 1 certificates") !=
        std::string::npos);
  CHECK(error_of(pair + "https = [\"127.0.0.1:6969\"]\n").find("tracker.http has 0.0.0.0:6969 too") !=
        std::string::npos);
  CHECK(error_of(pair + "udp = []\nhttp = []\nhttps = [\"[::]:443\"]\n") == "no error");
}

TEST_CASE("options: WebTorrent") {
  const auto defaults = resolve_options(file(""));
  REQUIRE(defaults);
  CHECK_FALSE(defaults->tracker.websocket);
  CHECK(defaults->websocket.origins.empty());
  CHECK(defaults->websocket.interval_s == 120);
  const std::string on = "[tracker]\nwebsocket = true\n";
  const auto options = resolve_options(
      file(on +
           "[websocket]\norigins = [\"https://example.org\", \"http://localhost:8080\"]\ninterval_s = 60\n"
           "offers_per_announce = 5\nswarms_per_connection = 7\n"));
  REQUIRE(options);
  CHECK(options->tracker.websocket);
  CHECK(options->websocket.origins ==
        std::vector<std::string>{"https://example.org", "http://localhost:8080"});
  CHECK(options->websocket.interval_s == 60);
  CHECK(options->websocket.offers_per_announce == 5);
  CHECK(options->websocket.swarms_per_connection == 7);
  for (const std::string bad : {"example.org", "https://example.org/", "https://Example.org", "https://",
                                "ws://example.org", "https://user@example.org", "null", "*"}) {
    CHECK(
        error_of("[websocket]\norigins = [\"" + bad + "\"]\n").starts_with("f.toml:2: websocket.origins: "));
  }
  CHECK(error_of(on + "http = []\n").find("tracker.websocket: needs an address") != std::string::npos);
  CHECK(error_of(on + "interval_s = 20\npeer_timeout_s = 90\n")
            .find("websocket.interval_s: 120 is not allowed") != std::string::npos);
  CHECK(error_of("[tracker]\ninterval_s = 20\npeer_timeout_s = 90\n") == "no error");
}
