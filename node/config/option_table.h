// The table of options: one row per key. It is the only place that knows the keys; the TOML file, the flags,
// the environment, `shoal node --help`, `shoal config` and docs/OPTIONS.md are all made from it.

#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "node/config/options.h"

namespace shoal::node {

enum class OptionKind { text, whole, fraction, boolean };

// What a new value of an option means for a running node.
struct OptionChange {
  bool reloadable = false;                                     // taken at a reload; else by the next start
  bool (*same)(const Options& a, const Options& b) = nullptr;  // the option has one value in both
  void (*copy)(Options& to, const Options& from) = nullptr;    // this option only
};

struct Option {
  std::string_view key;  // "tracker.interval_s"
  OptionKind kind;
  size_t list_max;                // most values of a list; 0: the option holds one value
  std::string_view default_text;  // as in a flag: values of a list separated by commas
  std::string_view allowed;       // ends the sentence "VALUE is not allowed: ..."
  std::string_view summary;       // one line
  std::string_view details;       // more lines for the file and the reference; may be empty
  // Writes one value; false: not allowed. A list calls it for each value, after clear.
  bool (*set)(Options& options, std::string_view value);
  void (*clear)(Options& options);  // lists only
  OptionChange change{};

  bool is_list() const { return list_max > 0; }
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
