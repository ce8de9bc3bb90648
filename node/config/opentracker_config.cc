#include "node/config/opentracker_config.h"

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <utility>

#include "common/endpoint.h"
#include "common/network.h"
#include "node/config/option_table.h"
#include "node/config/option_text.h"
#include "node/text/printable.h"

namespace shoal::node {

namespace {

using View = std::string_view;

constexpr uint16_t kTrackerPort = 6969;
constexpr uint16_t kLivesyncPort = 9696;
constexpr size_t kShownMax = 120;

bool is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

View without_spaces(View text) {
  while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
  return text;
}

// "10.0.0.1", "10.0.0.1:80", "::1" or "[::1]:80".
std::optional<common::Endpoint> address_in(View text, uint16_t default_port) {
  if (auto whole = common::parse_endpoint(text)) return whole;
  if (text.starts_with('[') && text.ends_with(']')) text = text.substr(1, text.size() - 2);
  auto address = common::parse_address(text);
  if (address) address->port = default_port;
  return address;
}

// opentracker ignores the bits after the prefix; shoal requires them to be 0.
std::optional<common::Network> network_in(View text) {
  const auto exact = common::parse_network(text);
  const size_t slash = text.find('/');
  if (exact || slash == View::npos) return exact;
  auto address = common::parse_address(text.substr(0, slash));
  const auto prefix = common::parse_port(text.substr(slash + 1));  // a decimal number as well
  if (!address || !prefix || *prefix > 8 * common::address_size(address->family)) return std::nullopt;
  for (size_t bit = *prefix; bit < 8 * address->address.size(); ++bit) {
    address->address[bit / 8] &= static_cast<uint8_t>(~(0x80 >> bit % 8));
  }
  return common::Network{*address, static_cast<uint8_t>(*prefix)};
}

// The new file while it is being made.
class Translation {
 public:
  void begin_line(size_t number, View line) {
    line_ = "line " + std::to_string(number) + ": " + printable(line, kShownMax);
  }

  // Adds to a list, or sets a single value, because of the current line.
  void put(View key, const std::string& value) {
    const Option* option = find_option(key);
    if (option == nullptr) return note("no counterpart");
    Item& item = items_[key];
    if (item.comments.empty() || item.comments.back() != line_) item.comments.push_back(line_);
    if (!option->is_list()) item.values.clear();
    if (std::find(item.values.begin(), item.values.end(), value) != item.values.end()) return;
    // The option's own parser decides, given the earlier values.
    Options scratch;
    if (option->is_list()) option->clear(scratch);
    for (const std::string& before : item.values) option->set(scratch, before);
    if (option->set(scratch, value)) {
      item.values.push_back(value);
    } else {
      item.comments.back() += "  <- not allowed: " + option->allowed;
    }
  }

  // The same for a default of opentracker; `why` stands above it.
  void put_default(View key, const std::string& value, const std::string& why) {
    line_ = why;
    put(key, value);
  }

  // Leaves the key out, with a comment.
  void drop(View key, const std::string& why) {
    items_[key].values.clear();
    items_[key].comments.push_back(why);
  }

  // A list that is empty, other than by default.
  void put_empty(View key, const std::string& why) {
    drop(key, why);
    items_[key].empty_list = true;
  }

  bool has(View key) const {
    const auto found = items_.find(key);
    return found != items_.end() && !found->second.values.empty();
  }

  // The value of a key that has one.
  const std::string& value(View key) const { return items_.at(key).values.front(); }

  // Replaces the value of a key that has one; `why` stands above it.
  void replace(View key, std::string value, const std::string& why) {
    Item& item = items_.at(key);
    item.values = {std::move(value)};
    item.comments.push_back(why);
  }

  void hint(std::string text) { hints_.push_back(std::move(text)); }
  const std::vector<std::string>& hints() const { return hints_; }

  // The current line has no effect.
  void note(const std::string& why) { notes_.push_back(line_ + "\n#   " + why); }

  std::string toml() const {
    std::string out =
        "# Made by `shoal config --from-opentracker`. Each line of the old file stands above what it "
        "became.\n";
    if (!hints_.empty()) out += "#\n# Look at:\n";
    for (const std::string& hint : hints_) out += "# " + hint + "\n";
    if (!notes_.empty()) out += "#\n# Lines that have no effect:\n";
    for (const std::string& note : notes_) out += "# " + note + "\n";
    for (const Section& section : sections()) append_section(out, section.name);
    return out;
  }

 private:
  struct Item {
    std::vector<std::string> comments;
    std::vector<std::string> values;
    bool empty_list = false;
  };

  void append_section(std::string& out, View section) const {
    bool begun = false;
    for (const Option& option : option_table()) {
      const auto found = items_.find(option.key);
      if (option.section() != section || found == items_.end()) continue;
      if (!begun) out += "\n[" + std::string(section) + "]\n";
      begun = true;
      const Item& item = found->second;
      for (const std::string& comment : item.comments) out += "# " + comment + "\n";
      if (item.values.empty() && !item.empty_list) continue;
      out += std::string(option.name()) + " = " + toml_values(option, item.values) + "\n";
    }
  }

  std::string line_;
  std::map<View, Item> items_;
  std::vector<std::string> notes_;
  std::vector<std::string> hints_;
};

struct Directive {
  View name;
  void (*translate)(Translation& out, View value);
};

void put_address(Translation& out, View key, View value, uint16_t port) {
  const auto address = address_in(value, port);
  if (!address) return out.note("this is not an address");
  out.put(key, common::to_string(*address));
}

void put_network(Translation& out, View key, View value) {
  const auto network = network_in(value);
  if (!network) return out.note("this is not a network");
  out.put(key, common::to_string(*network));
}

void put_list(Translation& out, View value, const char* mode) {
  out.put("access.file", std::string(value));
  if (out.has("access.file")) out.put("access.mode", mode);
}

void put_stats_path(Translation& out, View value) {
  while (value.starts_with('/')) value.remove_prefix(1);
  out.put("stats.path", "/" + std::string(value));
}

constexpr std::array kDirectives = {
    Directive{"listen.tcp_udp",
              [](Translation& out, View v) {
                put_address(out, "tracker.udp", v, kTrackerPort);
                if (address_in(v, kTrackerPort)) put_address(out, "tracker.http", v, kTrackerPort);
              }},
    Directive{"listen.tcp",
              [](Translation& out, View v) { put_address(out, "tracker.http", v, kTrackerPort); }},
    Directive{"listen.udp",
              [](Translation& out, View v) { put_address(out, "tracker.udp", v, kTrackerPort); }},
    Directive{"listen.udp.workers",
              [](Translation& out, View) {
                out.note(
                    "not needed: shoal's workers serve UDP and HTTP, one per CPU unless node.workers says "
                    "otherwise");
              }},
    Directive{"access.whitelist", [](Translation& out, View v) { put_list(out, v, "allow"); }},
    Directive{"access.blacklist", [](Translation& out, View v) { put_list(out, v, "deny"); }},
    Directive{"access.fifo_add",
              [](Translation& out, View v) { out.put("access.fifo_add", std::string(v)); }},
    Directive{"access.fifo_delete",
              [](Translation& out, View v) { out.put("access.fifo_delete", std::string(v)); }},
    Directive{"access.stats", [](Translation& out, View v) { put_network(out, "stats.networks", v); }},
    Directive{"access.stats_path", put_stats_path},
    Directive{"access.proxy",
              [](Translation& out, View v) { put_network(out, "access.trusted_proxies", v); }},
    Directive{"livesync.cluster.listen",
              [](Translation& out, View v) { put_address(out, "sync.listen", v, kLivesyncPort); }},
    Directive{"livesync.cluster.node_ip",
              [](Translation& out, View v) { put_address(out, "sync.peers", v, kLivesyncPort); }},
    Directive{"batchsync.cluster.admin_ip",
              [](Translation& out, View) { out.note("no counterpart: there is no sync over HTTP"); }},
    Directive{"tracker.rootdir", [](Translation& out, View v) { out.put("node.chroot", std::string(v)); }},
    Directive{"tracker.user", [](Translation& out, View v) { out.put("node.user", std::string(v)); }},
    Directive{"tracker.redirect_url",
              [](Translation& out, View v) { out.put("tracker.redirect_url", std::string(v)); }},
};

void translate_line(Translation& out, View line) {
  const auto space = static_cast<size_t>(std::find_if(line.begin(), line.end(), is_space) - line.begin());
  const View name = line.substr(0, space);
  const auto found =
      std::find_if(kDirectives.begin(), kDirectives.end(), [&](const auto& d) { return d.name == name; });
  if (found == kDirectives.end()) return out.note("not a line of opentracker.conf that shoal knows");
  const View value = without_spaces(line.substr(space));
  if (value.empty()) return out.note("this has no value");
  found->translate(out, value);
}

constexpr View kListFiles[] = {"access.file", "access.fifo_add", "access.fifo_delete"};

// `path` as it is called inside the folder `root`; nothing if it is not below it.
std::optional<std::string> path_inside(View root, View path) {
  while (root.ends_with('/')) root.remove_suffix(1);
  if (root.empty() || !path.starts_with(root) || path.size() == root.size() || path[root.size()] != '/')
    return std::nullopt;
  return std::string(path.substr(root.size()));
}

// opentracker that is not started as root only changes to tracker.rootdir, and takes its paths as they are;
// as root it takes them inside that folder, as shoal always does.
void translate_paths(Translation& out) {
  if (!out.has("node.chroot")) {
    for (const View key : kListFiles) {
      if (!out.has(key) || out.value(key).starts_with('/')) continue;
      out.hint(std::string(key) + ": " + printable(out.value(key), kShownMax) +
               " is looked for in the folder in which the node is started: write the whole path");
    }
    return;
  }
  std::string instead;  // of a node without node.chroot
  for (const View key : kListFiles) {
    if (!out.has(key)) continue;
    const std::string before = out.value(key);
    const auto inside = path_inside(out.value("node.chroot"), before);
    if (!inside) continue;
    out.replace(key, *inside, "as it is called inside node.chroot");
    instead += (instead.empty() ? ", and write " : ", ") + std::string(key) + " = \"" +
               printable(before, kShownMax) + "\"";
  }
  out.hint(
      "node.chroot: needs a start as root. shoal.service has its own user and sandbox: leave node.chroot and "
      "node.user out there" +
      instead);
}

// The folder that opentracker changes to without root, before a path that is not whole.
std::string path_outside(const std::string& root, const std::string& path) {
  if (root.empty() || path.starts_with('/')) return path;
  return root + (root.ends_with('/') ? "" : "/") + path;
}

// In place of translate_paths: the service has no other root and no other user.
void leave_to_the_service(Translation& out) {
  const std::string root = out.has("node.chroot") ? out.value("node.chroot") : "";
  for (const View key : kListFiles) {
    if (!out.has(key)) continue;
    const std::string before = out.value(key);
    const std::string outside = path_outside(root, before);
    if (outside != before) out.replace(key, outside, "as it is called outside of tracker.rootdir");
    if (outside.starts_with('/')) continue;
    out.hint(std::string(key) + ": " + printable(before, kShownMax) +
             " is looked for in the folder in which the node is started: write the whole path");
  }
  if (out.has("node.chroot")) out.drop("node.chroot", "left out: shoal.service has a sandbox of its own");
  if (out.has("node.user")) out.drop("node.user", "left out: shoal.service has a user of its own");
  out.put_default("node.snapshot", "/var/lib/shoal/snapshot", "so that a restart keeps the peers");
  for (const View key : kListFiles) {
    if (!out.has(key)) continue;
    out.hint(std::string(key) + ": " + printable(out.value(key), kShownMax) +
             " must be readable by the user shoal, and so must be the folders above it");
  }
}

// What is open to everyone in opentracker unless it is compiled otherwise.
void point_out_what_is_open(Translation& out, bool stats_are_open) {
  if (stats_are_open) {
    out.hint(
        "stats.networks: everyone can read the statistics, as in opentracker; name the networks that may, or "
        "leave it out for this machine only");
  }
  out.hint(
      "tracker.full_scrape: everyone can fetch the list of all swarms, as in opentracker; leave it out to "
      "turn "
      "that off");
}

// What opentracker does by default.
void add_defaults(Translation& out, StartedBy by) {
  if (out.has("tracker.udp") != out.has("tracker.http")) {
    out.put_empty(out.has("tracker.udp") ? "tracker.http" : "tracker.udp", "no line for this protocol");
  }
  out.put_default("tracker.full_scrape", "true", "opentracker answers full scrapes");
  if (!out.has("stats.path")) {
    out.put_default("stats.path", "/stats", "where opentracker has its statistics by default");
  }
  const bool stats_are_open = !out.has("stats.networks");
  if (stats_are_open) {
    out.put_default("stats.networks", "0.0.0.0/0", "opentracker shows them to everyone by default");
    out.put("stats.networks", "::/0");
  }
  if (!out.has("node.user") && by == StartedBy::hand) {
    out.drop("node.user", "opentracker started as root becomes nobody: user = \"nobody\"");
  }
  if (out.has("sync.listen")) {
    out.put_default(
        "sync.key_files", "cluster.key",
        "make it with `shoal keygen cluster.key`; every node needs the same. The two programs do not "
        "sync with each other");
  } else if (out.has("sync.peers")) {
    out.drop("sync.peers", "left out: there is no livesync.cluster.listen");
  }
  if (out.has("sync.listen")) {
    out.hint(
        "sync.key_files: make cluster.key with `shoal keygen cluster.key`, copy it to every node, and write "
        "the "
        "whole path");
  }
  if (by == StartedBy::service) {
    leave_to_the_service(out);
  } else {
    translate_paths(out);
  }
  if (out.has("node.user") && !out.has("node.chroot")) {
    out.hint(
        "node.user: needs a start as root, or as this user. shoal.service has its own user: leave node.user "
        "out "
        "there");
  }
  point_out_what_is_open(out, stats_are_open);
}

}  // namespace

TranslatedConfig translate_opentracker_config(View text, StartedBy by) {
  Translation out;
  size_t number = 0;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    const View line = without_spaces(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    ++number;
    if (line.empty() || line.front() == '#') continue;
    out.begin_line(number, line);
    translate_line(out, line);
  }
  add_defaults(out, by);
  return {out.toml(), out.hints()};
}

}  // namespace shoal::node
