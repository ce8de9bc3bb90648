#include "node/config/config_file.h"

#include <toml++/toml.h>

#include <algorithm>
#include <cstddef>

#include "node/config/option_values.h"
#include "node/text/printable.h"
#include "node/text/suggest.h"

namespace shoal::node {

namespace {

// Every dot may open a table ("a.b.c.d = 1"), and toml++ frees tables recursively: this limits the depth. A
// file with every list full has less than half as many.
constexpr ptrdiff_t kDotsMax = 8192;

std::string at_line(const std::string& file_name, const toml::source_region& source) {
  return file_name + ":" + std::to_string(source.begin.line) + ": ";
}

std::string type_name(const toml::node& node) {
  switch (node.type()) {
    case toml::node_type::table:
      return "a table";
    case toml::node_type::array:
      return "a list";
    case toml::node_type::string:
      return "a string";
    case toml::node_type::integer:
      return "a whole number";
    case toml::node_type::floating_point:
      return "a number with a fraction";
    case toml::node_type::boolean:
      return "a boolean";
    case toml::node_type::date:
    case toml::node_type::time:
    case toml::node_type::date_time:
    case toml::node_type::none:  // what toml++ has nowhere in a file it has read
      return "a date or time";
  }
  return "";
}

// The text of a value, or nothing if it is of another type than `kind`.
std::optional<std::string> value_text(OptionKind kind, const toml::node& node) {
  const auto whole = node.value_exact<int64_t>();
  switch (kind) {
    case OptionKind::text:
      return node.value_exact<std::string>();
    case OptionKind::whole:
      return whole ? std::optional(std::to_string(*whole)) : std::nullopt;
    case OptionKind::fraction:
      if (whole) return std::to_string(*whole);
      return node.is_floating_point() ? std::optional(fraction_text(*node.value_exact<double>()))
                                      : std::nullopt;
    case OptionKind::boolean:
      return node.is_boolean() ? std::optional(*node.value_exact<bool>() ? "true" : "false") : std::nullopt;
  }
  return std::nullopt;
}

class Reader {
 public:
  explicit Reader(const std::string& file_name) : file_name_(file_name) {}

  std::vector<Setting> read(const toml::table& file) {
    for (const auto& [key, node] : file) section(key, node);
    // toml++ keeps tables sorted by key; an operator reads errors from the top of the file.
    std::stable_sort(found_.begin(), found_.end(),
                     [](const Found& a, const Found& b) { return a.line < b.line; });
    std::vector<Setting> settings;
    for (Found& found : found_) settings.push_back(std::move(found.setting));
    return settings;
  }

 private:
  struct Found {
    toml::source_index line;
    Setting setting;
  };

  void error(const toml::key& key, const std::string& message) {
    found_.push_back(
        {key.source().begin.line, {nullptr, {}, "", at_line(file_name_, key.source()) + message}});
  }

  void section(const toml::key& key, const toml::node& node) {
    const auto known = sections();
    if (std::none_of(known.begin(), known.end(), [&](const Section& s) { return s.name == key.str(); })) {
      std::vector<std::string> names;
      for (const Section& section : known) names.emplace_back(section.name);
      const char* what = node.is_table() ? ": unknown section" : ": unknown key outside of the sections";
      error(key, printable(key.str(), 80) + what + suggestion(key.str(), names));
      return;
    }
    const std::string name(key.str());
    const toml::table* table = node.as_table();
    if (table == nullptr) {
      error(key, name + ": " + type_name(node) + " is not allowed: a section [" + name + "]");
      return;
    }
    for (const auto& [option_key, value] : *table)
      option(name + "." + std::string(option_key.str()), option_key, value);
  }

  void option(const std::string& full_key, const toml::key& key, const toml::node& node) {
    const Option* option = find_option(full_key);
    if (option == nullptr) {
      error(key, printable(full_key, 80) + ": unknown key" + suggestion(full_key, option_keys()));
      return;
    }
    Setting setting{option, {}, at_line(file_name_, key.source()) + full_key, ""};
    const toml::array* list = option->is_list() ? node.as_array() : nullptr;
    if (list == nullptr) {
      add_value(setting, node);
    } else {
      for (const toml::node& element : *list) {
        if (setting.values.size() > option->list_max || !add_value(setting, element)) break;
      }
    }
    found_.push_back({key.source().begin.line, std::move(setting)});
  }

  static bool add_value(Setting& setting, const toml::node& node) {
    auto text = value_text(setting.option->kind, node);
    if (text) {
      setting.values.push_back(std::move(*text));
    } else {
      setting.error = not_allowed(setting.origin, type_name(node), *setting.option);
    }
    return text.has_value();
  }

  const std::string& file_name_;
  std::vector<Found> found_;
};

std::vector<Setting> one_error(std::string message) { return {{nullptr, {}, "", std::move(message)}}; }

}  // namespace

std::vector<Setting> parse_config_file(const std::string& file_name, std::string_view text) {
  const std::string shown_name = printable(file_name);
  if (text.size() > kConfigFileBytesMax) {
    return one_error(shown_name + ": is larger than " + std::to_string(kConfigFileBytesMax) + " bytes");
  }
  if (std::count(text.begin(), text.end(), '.') > kDotsMax) {
    return one_error(shown_name + ": has more than " + std::to_string(kDotsMax) +
                     " dots: that is no options file");
  }
  try {
    return Reader(shown_name).read(toml::parse(text, shown_name));
  } catch (const toml::parse_error& error) {
    return one_error(at_line(shown_name, error.source()) + printable(error.description(), 300));
  }
}

}  // namespace shoal::node
