#include "node/config/config_file.h"

#include <toml++/toml.h>

#include <algorithm>
#include <cstddef>
#include <optional>
#include <utility>

#include "common/text.h"
#include "node/config/option_values.h"
#include "node/text/printable.h"
#include "node/text/suggest.h"

namespace shoal::node {

namespace {

// Every dot may open a table ("a.b.c.d = 1"), and toml++ frees tables recursively: this limits the depth. A
// file with every list full has less than half as many.
constexpr ptrdiff_t kDotsMax = 8192;

// The file is parsed again after each line that is no TOML.
constexpr size_t kSyntaxErrorsMax = 20;

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

  // What is no TOML is an error of its own; the rest of the file is read without that line, if it can be.
  FileSettings read(std::string text) {
    FileSettings settings;
    const std::string whole = text;
    std::optional<toml::table> file = parse(text);
    if (!file) {
      // What stands before the first line that is wrong may be good, or else the sections before that.
      settings.cut_short = true;
      found_.resize(1);
      size_t end = begin_of_line(whole, found_.front().line);
      for (int attempt = 0; attempt < 2 && !file; ++attempt) {
        try {
          file = toml::parse(std::string_view(whole).substr(0, end), file_name_);
        } catch (const toml::parse_error&) {
          const size_t header = end == 0 ? std::string::npos : whole.rfind("\n[", end - 1);
          end = header == std::string::npos ? 0 : header + 1;
        }
      }
    }
    settings.found = file ? read(*file) : read(toml::table());
    return settings;
  }

 private:
  struct Found {
    toml::source_index line;
    Setting setting;
  };

  static size_t begin_of_line(std::string_view text, toml::source_index line) {
    size_t at = 0;
    for (toml::source_index i = 1; i < line; ++i) {
      const size_t end = text.find('\n', at);
      if (end == std::string_view::npos) return text.size();
      at = end + 1;
    }
    return at;
  }

  // Blanks each line that is no TOML, until the rest is; nothing if that leads nowhere.
  std::optional<toml::table> parse(std::string& text) {
    for (size_t attempt = 0; attempt < kSyntaxErrorsMax; ++attempt) {
      try {
        return toml::parse(text, file_name_);
      } catch (const toml::parse_error& error) {
        const auto line = error.source().begin.line;
        const std::string message = at_line(file_name_, error.source()) + printable(error.description(), 300);
        const size_t begin = begin_of_line(text, line);
        const size_t end = std::min(text.find('\n', begin), text.size());
        const std::string_view wrong(text.data() + begin, end - begin);
        found_.push_back({line, {nullptr, {}, "", message, option_of(text, begin, wrong)}});
        // Without its header a section would be read as part of the one before.
        const std::string_view trimmed = common::trim_line(wrong);
        if (trimmed.empty() || trimmed.front() == '[') return std::nullopt;
        std::fill(text.begin() + static_cast<ptrdiff_t>(begin), text.begin() + static_cast<ptrdiff_t>(end),
                  ' ');
      }
    }
    return std::nullopt;
  }

  // The option that a line is about, as far as can be told from the line and the last section before it.
  static const Option* option_of(std::string_view text, size_t begin, std::string_view line) {
    const size_t head = begin == 0 ? std::string_view::npos : text.rfind("\n[", begin - 1);
    std::string_view section;
    if (head != std::string_view::npos) section = text.substr(head + 2);
    if (head == std::string_view::npos && text.starts_with('[')) section = text.substr(1);
    section = section.substr(0, section.find(']'));
    const std::string_view name = common::trim_blanks(line.substr(0, line.find('=')));
    return find_option(std::string(section.substr(0, kOptionNameMax)) + "." +
                       std::string(name.substr(0, kOptionNameMax)));
  }

  std::vector<Setting> read(const toml::table& file) {
    for (const auto& [key, node] : file) section(key, node);
    // toml++ keeps tables sorted by key; an operator reads errors from the top of the file.
    std::stable_sort(found_.begin(), found_.end(),
                     [](const Found& a, const Found& b) { return a.line < b.line; });
    std::vector<Setting> settings;
    for (Found& found : found_) settings.push_back(std::move(found.setting));
    return settings;
  }

  void error(const toml::key& key, const std::string& message, const Option* meant = nullptr) {
    found_.push_back(
        {key.source().begin.line, {nullptr, {}, "", at_line(file_name_, key.source()) + message, meant}});
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
      const std::vector<std::string> known = option_keys();
      error(key, printable(full_key, 80) + ": unknown key" + suggestion(full_key, known),
            find_option(nearest_word(full_key, known)));
      return;
    }
    Setting setting{option, {}, at_line(file_name_, key.source()) + full_key, "", nullptr};
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

FileSettings one_error(std::string message) {
  return {{{nullptr, {}, "", std::move(message), nullptr}}, true};
}

}  // namespace

FileSettings parse_config_file(const std::string& file_name, std::string_view text) {
  const std::string shown_name = printable(file_name);
  if (text.size() > kConfigFileBytesMax) {
    return one_error(shown_name + ": is larger than " + std::to_string(kConfigFileBytesMax) + " bytes");
  }
  if (std::count(text.begin(), text.end(), '.') > kDotsMax) {
    return one_error(shown_name + ": has more than " + std::to_string(kDotsMax) +
                     " dots: that is no options file");
  }
  return Reader(shown_name).read(std::string(text));
}

}  // namespace shoal::node
