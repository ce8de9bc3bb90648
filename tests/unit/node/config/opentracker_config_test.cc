#include "node/config/opentracker_config.h"

#include <doctest/doctest.h>

#include <string>

#include "node/config/option_values.h"
#include "node/config/resolve_options.h"

using namespace shoal;
using namespace shoal::node;

namespace {

Options options_of(const std::string& opentracker) {
  const TranslatedConfig translated = translate_opentracker_config(opentracker);
  CAPTURE(translated.toml);
  OptionSources sources;
  sources.file_name = "f.toml";
  sources.file_text = translated.toml;
  sources.host_name = "host";
  const auto options = resolve_options(sources);
  if (!options) FAIL(options.error().message);
  return *options;
}

std::string toml_of(const std::string& opentracker) { return translate_opentracker_config(opentracker).toml; }

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

using common::parse_endpoint;
using common::parse_network;

}  // namespace

TEST_CASE("opentracker config: an empty file gives opentracker's defaults") {
  const Options options = options_of("");
  CHECK(options.tracker.udp == std::vector{*parse_endpoint("0.0.0.0:6969"), *parse_endpoint("[::]:6969")});
  CHECK(options.tracker.http == options.tracker.udp);
  CHECK(options.tracker.full_scrape);
  CHECK(options.stats.path == "/stats");
  CHECK(options.stats.networks == std::vector{*parse_network("0.0.0.0/0"), *parse_network("::/0")});
  CHECK(options.node.user.empty());
  CHECK(has(toml_of(""), "user = \"nobody\""));
}

TEST_CASE("opentracker config: addresses") {
  Options options = options_of(
      "listen.tcp_udp 0.0.0.0\n"
      "listen.tcp_udp 192.0.2.1:80\n"
      "listen.tcp 2001:db8::1\n"
      "listen.udp\t[2001:db8::1]:7000   \r\n"
      "  listen.udp [2001:db8::2]\n"
      "listen.udp [2001:db8::2]:6969\n");
  CHECK(options.tracker.http == std::vector{*parse_endpoint("0.0.0.0:6969"), *parse_endpoint("192.0.2.1:80"),
                                            *parse_endpoint("[2001:db8::1]:6969")});
  CHECK(options.tracker.udp == std::vector{*parse_endpoint("0.0.0.0:6969"), *parse_endpoint("192.0.2.1:80"),
                                           *parse_endpoint("[2001:db8::1]:7000"),
                                           *parse_endpoint("[2001:db8::2]:6969")});
  options = options_of("listen.tcp 127.0.0.1");
  CHECK(options.tracker.udp.empty());
  CHECK(options.tracker.http == std::vector{*parse_endpoint("127.0.0.1:6969")});
}

TEST_CASE("opentracker config: who may read statistics, and where") {
  const Options options = options_of(
      "access.stats 192.168.0.23\naccess.stats 10.1.2.3/8\naccess.stats 2001:db8::1/32\n"
      "access.stats_path info/numbers\n");
  CHECK(options.stats.path == "/info/numbers");
  CHECK(options.stats.networks == std::vector{*parse_network("192.168.0.23"), *parse_network("10.0.0.0/8"),
                                              *parse_network("2001:db8::/32")});
}

TEST_CASE("opentracker config: privileges") {
  const Options options =
      options_of("tracker.rootdir /var/lib/opentracker\ntracker.user first\ntracker.user _ot\n");
  CHECK(options.node.chroot == "/var/lib/opentracker");
  CHECK(options.node.user == "_ot");
  const std::string toml = toml_of("tracker.rootdir .\n");
  CHECK(has(toml, "# line 1: tracker.rootdir .  <- not allowed: the absolute path of a folder"));
  CHECK(!has(toml, "\nchroot ="));
}

TEST_CASE("opentracker config: access lists") {
  Options options = options_of(
      "access.whitelist /etc/opentracker/white \"list\"\\.txt\naccess.fifo_add /run/add\naccess.fifo_delete "
      "/run/delete\n");
  CHECK(options.access.mode == AccessMode::allow);
  CHECK(options.access.file == "/etc/opentracker/white \"list\"\\.txt");
  CHECK(options.access.fifo_add == "/run/add");
  CHECK(options.access.fifo_delete == "/run/delete");
  options = options_of("access.blacklist black.txt\n");
  CHECK(options.access.mode == AccessMode::deny);
  CHECK(options.access.file == "black.txt");
  CHECK(options_of("").access.mode == AccessMode::open);
}

TEST_CASE("opentracker config: proxies and the redirect") {
  const Options options = options_of(
      "access.proxy 10.0.1.23\naccess.proxy 192.0.2.9/8\ntracker.redirect_url https://tracker.example/\n");
  CHECK(options.access.trusted_proxies ==
        std::vector{*parse_network("10.0.1.23"), *parse_network("192.0.0.0/8")});
  CHECK(options.tracker.redirect_url == "https://tracker.example/");
}

TEST_CASE("opentracker config: a cluster") {
  const Options options = options_of(
      "livesync.cluster.listen 192.0.2.1\nlivesync.cluster.node_ip 192.0.2.2\n"
      "livesync.cluster.node_ip 192.0.2.3:9697\n");
  CHECK(options.sync.listen == parse_endpoint("192.0.2.1:9696"));
  REQUIRE(options.sync.peers.size() == 2);
  CHECK(to_string(options.sync.peers[0]) == "192.0.2.2:9696");
  CHECK(to_string(options.sync.peers[1]) == "192.0.2.3:9697");
  CHECK(options.sync.key_files == std::vector<std::string>{"cluster.key"});
  CHECK(options_of("livesync.cluster.node_ip 192.0.2.2\n").sync.peers.empty());
}

TEST_CASE("opentracker config: lines without a counterpart are named one by one") {
  const std::string toml = toml_of(
      "# a comment\n"
      "batchsync.cluster.admin_ip 10.1.1.1\n"
      "\n"
      "listen.udp.workers 4\n"
      "tracker.nonsense\n"
      "listen.tcp somewhere\n"
      "access.stats 1.2.3.4/33\n"
      "access.stats_path a b\n"
      "listen.tcp_udp\n"
      "\x1b[31mred\n");
  for (const char* line :
       {"# line 2: batchsync.cluster.admin_ip 10.1.1.1\n#   no counterpart: there is no sync over HTTP\n",
        "# line 4: listen.udp.workers 4\n#   not needed: ",
        "# line 5: tracker.nonsense\n#   not a line of opentracker.conf that shoal knows\n",
        "# line 6: listen.tcp somewhere\n#   this is not an address\n",
        "# line 7: access.stats 1.2.3.4/33\n#   this is not a network\n",
        "# line 8: access.stats_path a b  <- not allowed: a path of 2 to 64 letters",
        "# line 9: listen.tcp_udp\n#   this has no value\n", "# line 10: \\x1b[31mred\n"}) {
    CAPTURE(line);
    CHECK(has(toml, line));
  }
  CHECK(!has(toml, "a comment"));
}

TEST_CASE("opentracker config: a file whose lines clash in shoal is an error") {
  // opentracker binds both: its two sockets have different protocols.
  OptionSources sources;
  sources.file_text = toml_of("listen.udp 127.0.0.1:7000\nlivesync.cluster.listen 127.0.0.1:7000\n");
  CHECK(has(*sources.file_text, "listen = \"127.0.0.1:7000\""));
  const auto options = resolve_options(sources);
  REQUIRE(!options);
  CHECK(has(options.error().message, "tracker.udp has it too"));
}

namespace {

bool hints_at(const std::string& opentracker, const std::string& part) {
  const TranslatedConfig translated = translate_opentracker_config(opentracker);
  for (const std::string& hint : translated.hints) {
    CHECK(has(translated.toml, "\n# " + hint + "\n"));
    if (has(hint, part)) return true;
  }
  return false;
}

}  // namespace

TEST_CASE("opentracker config: the sample of Debian's package") {
  const std::string sample =
      "# opentracker config file\n\naccess.whitelist /etc/opentracker/whitelist.txt\n"
      "tracker.rootdir /etc/opentracker\n#\ntracker.user    _opentracker\n";
  const Options options = options_of(sample);
  CHECK(options.node.user == "_opentracker");
  CHECK(options.node.chroot == "/etc/opentracker");
  CHECK(options.access.mode == AccessMode::allow);
  // As it is called once the root is another.
  CHECK(options.access.file == "/whitelist.txt");
  CHECK(hints_at(sample, "node.chroot: needs a start as root"));
  CHECK(hints_at(sample, "access.file = \"/etc/opentracker/whitelist.txt\""));
}

TEST_CASE("opentracker config: paths inside the new root, and beside it") {
  const auto file_of = [](const std::string& path, const std::string& root) {
    return options_of("access.blacklist " + path + "\ntracker.rootdir " + root + "\n").access.file;
  };
  CHECK(file_of("/srv/ot/black", "/srv/ot") == "/black");
  CHECK(file_of("/srv/ot/lists/black", "/srv/ot/") == "/lists/black");
  CHECK(file_of("/srv/other/black", "/srv/ot") == "/srv/other/black");
  CHECK(file_of("/srv/other", "/srv/ot") == "/srv/other");
  CHECK(file_of("/srv/ot", "/srv/ot") == "/srv/ot");
  CHECK(file_of("black", "/srv/ot") == "black");
  CHECK(file_of("/black", "/") == "/black");
  const Options options =
      options_of("tracker.rootdir /a\naccess.fifo_add /a/add\naccess.fifo_delete /b/delete\n");
  CHECK(options.access.fifo_add == "/add");
  CHECK(options.access.fifo_delete == "/b/delete");
}

TEST_CASE("opentracker config: what is open, and what depends on the start, is pointed out") {
  CHECK(hints_at("", "stats.networks: everyone can read the statistics"));
  CHECK(!hints_at("access.stats 192.0.2.1\n", "stats.networks"));
  CHECK(
      hints_at("access.stats 192.0.2.1\n", "tracker.full_scrape: everyone can fetch the list of all swarms"));
  CHECK(hints_at("tracker.user nobody\n", "node.user: needs a start as root"));
  CHECK(!hints_at("", "node.user"));
  CHECK(hints_at("access.whitelist ./white\n", "access.file: ./white is looked for in the folder"));
  CHECK(!hints_at("access.whitelist /white\n", "access.file"));
  CHECK(hints_at("livesync.cluster.listen 192.0.2.1\n", "`shoal keygen cluster.key`"));
}

TEST_CASE("opentracker config: for the service, which has its own user and sandbox") {
  const std::string sample =
      "access.whitelist /etc/opentracker/whitelist.txt\ntracker.rootdir /etc/opentracker\n"
      "tracker.user _opentracker\n";
  const TranslatedConfig translated = translate_opentracker_config(sample, StartedBy::service);
  OptionSources sources;
  sources.file_name = "f.toml";
  sources.file_text = translated.toml;
  sources.host_name = "host";
  const auto options = resolve_options(sources);
  REQUIRE(options);
  CHECK(options->node.user.empty());
  CHECK(options->node.chroot.empty());
  CHECK(options->access.file == "/etc/opentracker/whitelist.txt");
  CHECK(options->node.snapshot == "/var/lib/shoal/snapshot");
  CHECK(has(translated.toml, "# line 3: tracker.user _opentracker"));
  for (const std::string& hint : translated.hints) CHECK(!has(hint, "node.user"));
  bool readable = false;
  for (const std::string& hint : translated.hints)
    readable |= has(hint, "must be readable by the user shoal");
  CHECK(readable);

  const auto file_of = [](const std::string& path, const std::string& root) {
    const TranslatedConfig made = translate_opentracker_config(
        "access.blacklist " + path + "\ntracker.rootdir " + root + "\n", StartedBy::service);
    OptionSources from;
    from.file_name = "f.toml";
    from.file_text = made.toml;
    from.host_name = "host";
    const auto read = resolve_options(from);
    REQUIRE(read);
    return read->access.file;
  };
  CHECK(file_of("black", "/srv/ot") == "/srv/ot/black");
  CHECK(file_of("lists/black", "/srv/ot/") == "/srv/ot/lists/black");
  CHECK(file_of("/srv/ot/black", "/srv/ot") == "/srv/ot/black");
  // NixOS: relative to where the unit is started, which nobody knows here.
  CHECK(file_of("blacklist.txt", ".") == "blacklist.txt");
}

TEST_CASE("opentracker config: what the packages of three systems install, or write") {
  // Debian: closed, in a folder and with a user of its own.
  Options options = options_of(
      "access.whitelist /etc/opentracker/whitelist.txt\ntracker.rootdir /etc/opentracker\n"
      "tracker.user    _opentracker\n");
  CHECK(options.access.mode == AccessMode::allow);
  // FreeBSD's port: the upstream sample, all of it comments; the second file is for a program built for IPv6.
  options = options_of("# opentracker config file\n#\n\n# I) addresses\n#\n# listen.tcp 0.0.0.0\n");
  CHECK(options.tracker.udp.size() == 2);
  CHECK(options.access.mode == AccessMode::open);
  // NixOS: one file for each family, made of the system's options, in the order of their names.
  options = options_of(
      "access.stats 192.0.2.7\nlisten.tcp_udp 0.0.0.0:6969\ntracker.redirect_url https://nixos.org/\n"
      "tracker.rootdir .\n");
  CHECK(options.tracker.udp == std::vector{*parse_endpoint("0.0.0.0:6969")});
  CHECK(options.node.chroot.empty());
  CHECK(options.stats.networks == std::vector{*parse_network("192.0.2.7/32")});
  options = options_of("listen.tcp_udp [::]:6969\ntracker.rootdir .\naccess.whitelist whitelist.txt\n");
  CHECK(options.tracker.http == std::vector{*parse_endpoint("[::]:6969")});
  CHECK(has(toml_of("tracker.rootdir .\n"),
            "tracker.rootdir .  <- not allowed: the absolute path of a folder"));
  CHECK(hints_at("tracker.rootdir .\naccess.whitelist whitelist.txt\n",
                 "whitelist.txt is looked for in the folder in which the node is started"));
}
