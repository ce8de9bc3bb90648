#include "node/config/resolve_options.h"

#include <algorithm>
#include <cmath>
#include <initializer_list>
#include <map>
#include <set>
#include <string_view>

#include "common/check.h"
#include "common/tick.h"
#include "node/config/config_file.h"
#include "node/config/option_values.h"
#include "node/text/printable.h"
#include "node/text/suggest.h"

namespace shoal::node {

namespace {

using common::Endpoint;

constexpr std::string_view kEnvironmentPrefix = "SHOAL_";
constexpr std::string_view kConfigVariable = "SHOAL_CONFIG";  // names the file; read by load_options

// Where each key got its value: the error of a check begins with it.
using Origins = std::map<std::string_view, std::string>;

std::vector<Setting> defaults() {
  std::vector<Setting> settings;
  for (const Option& option : option_table()) {
    settings.push_back({&option, split_values(option, option.default_text), std::string(option.key), ""});
  }
  return settings;
}

// True for "SHOAL_TRACKER_..."; false for "SHOAL_SERVICE_HOST", which Kubernetes sets for a service named
// shoal.
bool names_a_section(std::string_view variable) {
  variable.remove_prefix(kEnvironmentPrefix.size());
  return std::any_of(sections().begin(), sections().end(), [&](const Section& section) {
    const size_t size = section.name.size();
    return variable.size() > size && variable[size] == '_' &&
           std::equal(section.name.begin(), section.name.end(), variable.begin(),
                      [](char lower, char upper) { return lower - 'a' + 'A' == upper; });
  });
}

std::vector<Setting> from_environment(const std::vector<NamedText>& variables) {
  std::vector<std::string> known;
  for (const Option& option : option_table()) known.push_back(environment_name(option));
  std::vector<Setting> settings;
  for (const auto& [name, text] : variables) {
    if (!name.starts_with(kEnvironmentPrefix) || name == kConfigVariable || !names_a_section(name)) continue;
    const auto found = std::find(known.begin(), known.end(), name);
    if (found == known.end()) {
      const std::string error = "environment variable " + printable(name, 80) + ": no option has this name" +
                                suggestion(name, known);
      settings.push_back({nullptr, {}, "", error});
      continue;
    }
    const Option& option = option_table()[static_cast<size_t>(found - known.begin())];
    settings.push_back({&option, split_values(option, text), "environment variable " + name, ""});
  }
  return settings;
}

std::vector<Setting> from_flags(const std::vector<NamedText>& flags) {
  std::vector<Setting> settings;
  for (const auto& [key, text] : flags) {
    const Option* option = find_option(key);
    if (option == nullptr) {
      settings.push_back(
          {nullptr, {}, "", "--" + printable(key, 80) + ": unknown flag" + suggestion(key, option_keys())});
    } else {
      settings.push_back({option, split_values(*option, text), flag_name(*option), ""});
    }
  }
  return settings;
}

// ff02::/16 and the like: on every interface it is a different group.
bool is_of_one_link(const Endpoint& group) {
  return group.family == common::Family::v6 && (group.address[1] & 0x0f) <= 2;
}

// The addresses cannot be bound at the same time.
bool overlap(const Endpoint& one, const Endpoint& other) {
  if (one.family != other.family || one.port != other.port) return false;
  return one == other || common::is_wildcard(one) || common::is_wildcard(other);
}

using Keys = std::set<std::string_view>;

// Checks that look at more than one key. A check is left out if one of its keys is in `wrong`: what it would
// compare is not what the operator wrote.
class CrossChecks {
 public:
  CrossChecks(const Options& options, const Origins& origins, const Keys& wrong,
              std::vector<std::string>& errors)
      : options_(options), origins_(origins), wrong_(wrong), errors_(errors) {}

  void run() {
    tracker();
    tls();
    lists();
    access();
    sync();
    addresses();
  }

 private:
  bool known(std::initializer_list<std::string_view> keys) const {
    return std::none_of(keys.begin(), keys.end(), [&](std::string_view key) { return wrong_.contains(key); });
  }

  void error(std::string_view key, const std::string& message) {
    errors_.push_back(origins_.at(key) + ": " + message);
  }

  void tracker() {
    const auto& t = options_.tracker;
    if (known({"tracker.udp", "tracker.http", "tracker.https"}) && t.udp.empty() && t.http.empty() &&
        t.https.empty()) {
      error("tracker.udp",
            "tracker.udp, tracker.http and tracker.https are all empty: at least one needs an address");
    }
    const bool interval_known = known({"tracker.interval_s", "tracker.interval_jitter"});
    const bool adapted_known = known({"tracker.target_rps", "tracker.interval_max_s"});
    // An announce within kRefreshTicks of the last does not renew the peer, and stamps count whole ticks.
    const bool adapted = t.target_rps > 0;
    const uint32_t interval_s = adapted ? std::max(t.interval_s, t.interval_max_s) : t.interval_s;
    const double interval_max_s = interval_s * (1 + t.interval_jitter);
    const double share =
        static_cast<double>(common::kLifetimeTicks - common::kRefreshTicks) / common::kLifetimeTicks;
    if (interval_known && adapted_known && known({"tracker.peer_timeout_s"}) &&
        t.peer_timeout_s * share <= interval_max_s) {
      const auto least = static_cast<uint64_t>(std::floor(interval_max_s / share)) + 1;
      error("tracker.peer_timeout_s",
            std::to_string(t.peer_timeout_s) + " is not allowed with tracker." +
                (adapted ? "interval_max_s" : "interval_s") + " = " + std::to_string(interval_s) +
                " and its jitter: peers would expire between two announces; at least " +
                std::to_string(least));
    }
    if (interval_known && adapted_known && adapted && t.interval_max_s < t.interval_s) {
      error("tracker.interval_max_s", std::to_string(t.interval_max_s) +
                                          " is not allowed: at least tracker.interval_s, which is " +
                                          std::to_string(t.interval_s));
    }
    const uint32_t web_s = options_.websocket.interval_s;
    if (t.websocket && known({"tracker.interval_jitter", "tracker.peer_timeout_s", "websocket.interval_s"}) &&
        t.peer_timeout_s * share <= web_s * (1 + t.interval_jitter)) {
      error("websocket.interval_s",
            std::to_string(web_s) +
                " is not allowed: with its jitter it is too long for tracker.peer_timeout_s, which is " +
                std::to_string(t.peer_timeout_s) + ": peers would expire between two announces");
    }
    if (t.websocket && known({"tracker.http", "tracker.https"}) && t.http.empty() && t.https.empty()) {
      error("tracker.websocket", "needs an address in tracker.http or tracker.https");
    }
    if (interval_known && known({"tracker.min_interval_s"}) &&
        t.min_interval_s > t.interval_s * (1 - t.interval_jitter)) {
      error("tracker.min_interval_s",
            std::to_string(t.min_interval_s) +
                " is not allowed: it is longer than the shortest interval, which is "
                "tracker.interval_s minus its jitter");
    }
    if (known({"tracker.numwant_default", "tracker.numwant_max"}) && t.numwant_default > t.numwant_max) {
      error("tracker.numwant_default", std::to_string(t.numwant_default) +
                                           " is not allowed: at most tracker.numwant_max, which is " +
                                           std::to_string(t.numwant_max));
    }
  }

  void tls() {
    const auto& t = options_.tracker;
    if (!known({"tracker.tls_certificates", "tracker.tls_keys"})) return;
    if (t.tls_certificates.size() != t.tls_keys.size()) {
      error("tracker.tls_keys", std::to_string(t.tls_keys.size()) + " keys for " +
                                    std::to_string(t.tls_certificates.size()) +
                                    " certificates in tracker.tls_certificates: each needs one");
    }
    if (!t.tls_certificates.empty()) return;
    const char* const kMissing = "needs a certificate: name its file in tracker.tls_certificates";
    if (known({"tracker.https"}) && !t.https.empty()) error("tracker.https", kMissing);
    if (known({"admin.tls", "admin.listen"}) && options_.admin.tls) error("admin.tls", kMissing);
  }

  // Each feed has a name of its own, and what is denied or counted by country or ASN needs a database.
  void lists() {
    const auto& a = options_.access;
    std::set<std::string_view> names;
    if (known({"access.feeds"})) {
      for (const FeedSource& feed : a.feeds) {
        if (!names.insert(feed.name).second) error("access.feeds", "two feeds are named " + feed.name);
      }
    }
    if (!known({"access.geo_databases"}) || !a.geo_databases.empty()) return;
    for (const auto& [key, used] : {std::pair("access.deny_countries", !a.deny_countries.empty()),
                                    std::pair("access.deny_asns", !a.deny_asns.empty()),
                                    std::pair("access.geo_counts", a.geo_counts)}) {
      if (known({key}) && used) error(key, "is set but access.geo_databases is not: set both or none");
    }
  }

  void access() {
    if (!known({"access.trusted_proxies"}) || !options_.access.trusted_proxies.empty()) return;
    if (known({"tracker.ip_param"}) && options_.tracker.ip_param == IpParam::trusted) {
      error("tracker.ip_param", "trusted is not allowed without access.trusted_proxies");
    }
    if (known({"access.proxy_protocol"}) && options_.access.proxy_protocol) {
      error("access.proxy_protocol", "true is not allowed without access.trusted_proxies");
    }
  }

  void sync() {
    const auto& s = options_.sync;
    if (known({"sync.listen"})) listen();
    if (!known({"sync.multicast"})) return;
    for (const MulticastGroup& group : s.multicast) {
      if (group.interface.empty() && is_of_one_link(group.group)) {
        error("sync.multicast", common::to_string(group.group) +
                                    " is not allowed: a link-local group needs an interface, as in " +
                                    common::to_string(group.group) + "%eth0");
        continue;
      }
      if (!known({"sync.listen"}) || !s.listen || group.group.family == s.listen->family) continue;
      error("sync.multicast",
            common::to_string(group.group) +
                " is not allowed: its address family differs from that of sync.listen, which is " +
                common::to_string(*s.listen));
    }
  }

  // What sync.listen goes with.
  void listen() {
    const auto& s = options_.sync;
    const bool keys_known = known({"sync.key_files", "sync.insecure"});
    if (!s.listen) {
      const char* const kAlone = "is set but sync.listen is not: set both or none";
      if (known({"sync.peers"}) && !s.peers.empty()) error("sync.peers", kAlone);
      if (known({"sync.multicast"}) && !s.multicast.empty()) error("sync.multicast", kAlone);
      if (known({"sync.advertise"}) && s.advertise) error("sync.advertise", kAlone);
      if (known({"sync.site"}) && !s.site.empty()) error("sync.site", kAlone);
    } else if (keys_known && s.key_files.empty() && !s.insecure) {
      error("sync.listen",
            "sync.listen is set but there is no key: make one with `shoal keygen FILE` and name it in "
            "sync.key_files, or set sync.insecure = true to run without protection");
    }
    if (keys_known && s.insecure && !s.key_files.empty()) {
      error("sync.insecure", "true is not allowed together with sync.key_files: choose one of them");
    }
  }

  // No two servers on one address; the UDP and the HTTP tracker may share a port number.
  void addresses() {
    const auto& o = options_;
    const auto clash = [&](std::string_view key, const std::optional<Endpoint>& one,
                           std::string_view other_key, const std::vector<Endpoint>& others) {
      if (!one || !known({key, other_key})) return;
      const auto other =
          std::find_if(others.begin(), others.end(), [&](const Endpoint& e) { return overlap(*one, e); });
      if (other == others.end()) return;
      error(key, common::to_string(*one) + " is not allowed: " + std::string(other_key) + " has " +
                     (*other == *one ? "it" : common::to_string(*other)) + " too");
    };
    clash("sync.listen", o.sync.listen, "tracker.udp", o.tracker.udp);
    clash("sync.listen", o.sync.listen, "tracker.http", o.tracker.http);
    clash("sync.listen", o.sync.listen, "tracker.https", o.tracker.https);
    clash("admin.listen", o.admin.listen, "tracker.http", o.tracker.http);
    clash("admin.listen", o.admin.listen, "tracker.https", o.tracker.https);
    for (const Endpoint& address : o.tracker.https)
      clash("tracker.https", address, "tracker.http", o.tracker.http);
    if (o.sync.listen) clash("admin.listen", o.admin.listen, "sync.listen", {*o.sync.listen});
  }

  const Options& options_;
  const Origins& origins_;
  const Keys& wrong_;
  std::vector<std::string>& errors_;
};

void limit(std::vector<std::string>& errors) {
  const size_t more = errors.size() - std::min(errors.size(), kErrorsMax);
  errors.resize(errors.size() - more);
  if (more > 0) errors.push_back("and " + std::to_string(more) + " more errors");
}

std::string joined(const std::vector<std::string>& errors) {
  std::string text;
  for (const std::string& error : errors) text += (text.empty() ? "" : "\n") + error;
  return text;
}

}  // namespace

ResolvedOptions resolve_all(const OptionSources& sources) {
  ResolvedOptions resolved;
  Options& options = resolved.options;
  std::vector<std::string>& errors = resolved.errors;
  Origins origins;
  Keys wrong;
  const auto apply_all = [&](const std::vector<Setting>& settings) {
    for (const Setting& setting : settings) {
      const size_t before = errors.size();
      apply(setting, options, errors);
      const Option* option = setting.option != nullptr ? setting.option : setting.meant;
      if (option != nullptr && errors.size() > before) wrong.insert(option->key);
      if (setting.option != nullptr) origins[setting.option->key] = setting.origin;
    }
  };
  apply_all(defaults());
  bool cut_short = false;
  if (sources.file_text) {
    const FileSettings file = parse_config_file(sources.file_name, *sources.file_text);
    cut_short = file.cut_short;
    apply_all(file.found);
  }
  apply_all(from_environment(sources.environment));
  apply_all(from_flags(sources.flags));
  if (options.node.name.empty()) options.node.name = name_from_host(sources.host_name);
  if (!cut_short) CrossChecks(options, origins, wrong, errors).run();
  limit(errors);
  return resolved;
}

common::Result<Options> options_or_errors(ResolvedOptions resolved) {
  if (resolved.errors.empty()) return std::move(resolved.options);
  return common::fail(joined(resolved.errors));
}

common::Result<Options> resolve_options(const OptionSources& sources) {
  return options_or_errors(resolve_all(sources));
}

Options default_options() {
  Options options;
  std::vector<std::string> errors;
  for (const Setting& setting : defaults()) apply(setting, options, errors);
  CHECK_INVARIANT(errors.empty());
  return options;
}

common::Result<void> check_options(const Options& options) {
  Origins origins;
  std::vector<std::string> errors;
  for (const Option& option : option_table()) origins[option.key] = option.key;
  CrossChecks(options, origins, {}, errors).run();
  limit(errors);
  if (!errors.empty()) return common::fail(joined(errors));
  return {};
}

}  // namespace shoal::node
