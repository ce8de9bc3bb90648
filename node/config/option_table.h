// The table of options: one row per key. It is the only place that knows the keys, their ranges and their
// defaults. The TOML file, the flags, the environment, `shoal node --help`, the completion, `shoal config`,
// docs/OPTIONS.md and shoal.toml(5) are all made from it.

#pragma once

#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "node/config/options.h"

namespace shoal::node {

enum class OptionKind { text, whole, fraction, boolean };

// The part of a running node to which a reload hands a new value (RunningNode::apply); each is handed all its
// options together.
enum class Apply : uint8_t {
  restart,  // none: the value waits for the next start
  always,   // keys, token and access list: every reload reads their files again
  log,
  drain,
  snapshot,
  tracker,  // the workers' settings, the interval and full scrapes
  limits,
  bans,
  sync,
  exports,
};

struct Option {
  std::string_view key;  // "tracker.interval_s"
  OptionKind kind;
  size_t list_max;                      // most values of a list; 0: the option holds one value
  std::string default_text;             // as in a flag: values of a list separated by commas
  std::string allowed;                  // ends the sentence "VALUE is not allowed: ..."
  std::vector<std::string_view> words;  // all values there are; empty: more than can be listed
  bool is_path;                         // of a file, a FIFO or a folder
  Apply apply;
  std::string_view summary;  // one line
  std::string_view details;  // more sentences for the file and the reference; may be empty
  // Writes one value; false: not allowed. A list calls it for each value, after clear.
  std::function<bool(Options& options, std::string_view value)> set;
  void (*clear)(Options& options);                   // lists only
  bool (*same)(const Options& a, const Options& b);  // the option has one value in both
  void (*copy)(Options& to, const Options& from);    // this option only

  bool is_list() const { return list_max > 0; }
  bool reloadable() const { return apply != Apply::restart; }
  std::string_view section() const { return key.substr(0, key.find('.')); }
  std::string_view name() const { return key.substr(key.find('.') + 1); }
};

struct Section {
  std::string_view name;
  std::string_view summary;
};

// In the order of the file; the rows of one section stand together, sections as in sections().
std::span<const Option> option_table();
std::span<const Section> sections();

// The row of a key, or nullptr.
const Option* find_option(std::string_view key);

std::vector<std::string> option_keys();

// "--tracker.interval_s" and "SHOAL_TRACKER_INTERVAL_S".
std::string flag_name(const Option& option);
std::string environment_name(const Option& option);

}  // namespace shoal::node
