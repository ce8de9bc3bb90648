// Builders of the option table's rows, one for each kind of value. A builder is given range and default as
// values; it makes the parser, the text of the default and the text of what is allowed from them, so that
// none of these can disagree. Only option_table.cc includes this.

#pragma once

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "node/config/option_table.h"
#include "node/config/option_values.h"
#include "node/text/word_list.h"

namespace shoal::node::option_rows {

// Where the value of a key lies: Options::SECTION.FIELD.
template <auto section, auto field>
struct Key {
  std::string_view key;
  static auto& in(Options& options) { return options.*section.*field; }
  static const auto& in(const Options& options) { return options.*section.*field; }
};

// Key of "SECTION.FIELD".
#define SHOAL_KEY(section, field)                                                      \
  ::shoal::node::option_rows::Key<&::shoal::node::Options::section,                    \
                                  &decltype(::shoal::node::Options::section)::field> { \
#section "." #field                                                                \
  }

// What a row says besides its values.
struct RowText {
  std::string_view summary;
  std::string_view details = {};
};

// A row without its parser.
template <auto section, auto field>
Option row(Key<section, field> key, OptionKind kind, std::string default_text, std::string allowed,
           Apply apply, RowText text) {
  using Place = Key<section, field>;
  Option option{};
  option.key = key.key;
  option.kind = kind;
  option.default_text = std::move(default_text);
  option.allowed = std::move(allowed);
  option.apply = apply;
  option.summary = text.summary;
  option.details = text.details;
  option.same = [](const Options& a, const Options& b) { return Place::in(a) == Place::in(b); };
  option.copy = [](Options& to, const Options& from) { Place::in(to) = Place::in(from); };
  return option;
}

// `parse` takes a text and returns an optional value of the field.
template <class Place, class Parse>
auto set_parsed(Place /*key*/, Parse parse) {
  return [parse](Options& options, std::string_view text) {
    auto value = parse(text);
    if (value) Place::in(options) = std::move(*value);
    return value.has_value();
  };
}

// "; 0 means MEANING".
inline std::string meaning(std::string_view value, std::string_view text) {
  return text.empty() ? "" : "; " + std::string(value) + " means " + std::string(text);
}

struct WholeRange {
  uint32_t min;
  uint32_t max;
  std::string_view zero_means = {};
  std::string_view unit = {};
};

constexpr WholeRange seconds(uint32_t min, uint32_t max, std::string_view zero_means = {}) {
  return {min, max, zero_means, "seconds"};
}

template <auto section, auto field>
Option whole(Key<section, field> key, WholeRange range, uint32_t default_value, Apply apply, RowText text) {
  const std::string unit = range.unit.empty() ? "" : " of " + std::string(range.unit);
  Option option = row(key, OptionKind::whole, std::to_string(default_value),
                      "a whole number" + unit + " from " + std::to_string(range.min) + " to " +
                          std::to_string(range.max) + meaning("0", range.zero_means),
                      apply, text);
  option.set = set_parsed(key, [=](std::string_view v) { return parse_whole(v, range.min, range.max); });
  return option;
}

template <auto section, auto field>
Option fraction(Key<section, field> key, double min, double max, double default_value, Apply apply,
                RowText text) {
  Option option = row(key, OptionKind::fraction, fraction_text(default_value),
                      "a number from " + fraction_text(min) + " to " + fraction_text(max), apply, text);
  option.set = set_parsed(key, [=](std::string_view v) { return parse_fraction(v, min, max); });
  return option;
}

template <auto section, auto field>
Option boolean(Key<section, field> key, bool default_value, Apply apply, RowText text) {
  Option option =
      row(key, OptionKind::boolean, default_value ? "true" : "false", "true or false", apply, text);
  option.words = {"true", "false"};
  option.set = set_parsed(key, parse_boolean);
  return option;
}

// One of the names of an enumeration; `names` are pairs of name and value.
template <auto section, auto field, class Names, class Value>
Option choice(Key<section, field> key, const Names& names, Value default_value, Apply apply, RowText text) {
  std::vector<std::string_view> words;
  std::string_view default_name;
  for (const auto& [name, value] : names) {
    words.push_back(name);
    if (value == default_value) default_name = name;
  }
  Option option = row(key, OptionKind::text, std::string(default_name), or_list(words), apply, text);
  option.words = std::move(words);
  option.set = set_parsed(key, [&names](std::string_view v) {
    std::optional<Value> found;
    for (const auto& [name, value] : names) {
      if (name == v) found = value;
    }
    return found;
  });
  return option;
}

// Text that `allows` likes; `what` describes it. `empty_means`: what "" stands for; empty: it is not allowed.
template <auto section, auto field, class Allows>
Option text(Key<section, field> key, Allows allows, std::string_view what, std::string_view empty_means,
            std::string_view default_value, Apply apply, RowText about) {
  Option option = row(key, OptionKind::text, std::string(default_value),
                      std::string(what) + meaning("\"\"", empty_means), apply, about);
  const bool may_be_empty = !empty_means.empty();
  option.set = set_parsed(key, [=](std::string_view v) {
    const bool allowed = v.empty() ? may_be_empty : allows(v);
    return allowed ? std::optional(std::string(v)) : std::nullopt;
  });
  return option;
}

// `what` a name is of: "a user name of".
template <auto section, auto field>
Option name(Key<section, field> key, size_t size_max, std::string_view empty_means,
            std::string_view default_value, Apply apply, RowText about) {
  const std::string what = "1 to " + std::to_string(size_max) + " letters, digits, '.', '_' or '-'";
  return text(
      key, [=](std::string_view v) { return is_name(v, size_max); }, what, empty_means, default_value, apply,
      about);
}

// The path of a file or of a FIFO, off by default.
template <auto section, auto field>
Option path(Key<section, field> key, std::string_view of_what, Apply apply, RowText about) {
  Option option = text(key, is_path, "the path of a " + std::string(of_what), "off", "", apply, about);
  option.is_path = true;
  return option;
}

// The absolute path of a folder, off by default.
template <auto section, auto field>
Option folder(Key<section, field> key, Apply apply, RowText about) {
  const auto is_absolute = [](std::string_view v) { return is_path(v) && v[0] == '/'; };
  Option option = text(key, is_absolute, "the absolute path of a folder", "off", "", apply, about);
  option.is_path = true;
  return option;
}

// One address, which "" turns off.
template <auto section, auto field>
Option address(Key<section, field> key, std::optional<common::Endpoint> (*parse)(std::string_view),
               std::string_view what, std::string_view empty_means, std::string_view default_value,
               Apply apply, RowText about) {
  using Value = std::optional<common::Endpoint>;
  Option option = row(key, OptionKind::text, std::string(default_value),
                      std::string(what) + meaning("\"\"", empty_means), apply, about);
  option.set = set_parsed(key, [parse](std::string_view v) -> std::optional<Value> {
    if (v.empty()) return Value();
    if (const Value value = parse(v)) return value;
    return std::nullopt;
  });
  return option;
}

// Up to `most` values, no two of them the same: an address cannot be bound twice. `parse` takes one of them.
template <auto section, auto field, class Parse>
Option list(Key<section, field> key, Parse parse, size_t most, std::string_view what,
            std::string_view default_value, Apply apply, RowText about) {
  using Place = Key<section, field>;
  Option option = row(key, OptionKind::text, std::string(default_value),
                      "up to " + std::to_string(most) + " different " + std::string(what), apply, about);
  option.list_max = most;
  option.clear = [](Options& options) { Place::in(options).clear(); };
  option.set = [parse](Options& options, std::string_view v) {
    auto& values = Place::in(options);
    auto value = parse(v);
    if (!value || std::find(values.begin(), values.end(), *value) != values.end()) return false;
    values.push_back(std::move(*value));
    return true;
  };
  return option;
}

// Element parser of a list of texts.
template <bool (*allows)(std::string_view)>
std::optional<std::string> text_if(std::string_view text) {
  return allows(text) ? std::optional(std::string(text)) : std::nullopt;
}

}  // namespace shoal::node::option_rows
