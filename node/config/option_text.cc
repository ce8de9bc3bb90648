#include "node/config/option_text.h"

#include <algorithm>

#include "node/config/setting.h"

namespace shoal::node {

namespace {

std::string toml_scalar(OptionKind kind, const std::string& value) {
  if (kind != OptionKind::text) return value;
  std::string out = "\"";
  for (const char c : value) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + '"';
}

// Every line of `text` behind "# ".
std::string commented(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    out += "# " + std::string(text.substr(0, end)) + "\n";
    text.remove_prefix(std::min(text.size(), end + 1));
  }
  return out;
}

}  // namespace

std::string toml_value(const Option& option, std::string_view text) {
  return toml_values(option, split_values(option, text));
}

std::string toml_values(const Option& option, const std::vector<std::string>& values) {
  if (!option.is_list()) return toml_scalar(option.kind, values.front());
  std::string out = "[";
  for (const std::string& value : values) out += (out == "[" ? "" : ", ") + toml_scalar(option.kind, value);
  return out + "]";
}

std::string_view when_taken(const Option& option) {
  return option.change.reloadable ? "at a reload" : "at the next start";
}

std::string default_file() {
  std::string out =
      "# Options of a shoal node: every key with its default. A key that is left out has its default.\n"
      "# Each is also a flag (--section.key VALUE) and an environment variable (SHOAL_SECTION_KEY):\n"
      "# flag over environment over file. Check a file with `shoal config --check FILE`.\n"
      "# A running node takes a new value at a reload (`shoal reload`, SIGHUP) or at the next start, as it "
      "says\n"
      "# with each key.\n";
  for (const Section& section : sections()) {
    out += "\n" + commented(section.summary) + "[" + std::string(section.name) + "]\n";
    for (const Option& option : option_table()) {
      if (option.section() != section.name) continue;
      out += "\n" + commented(option.summary) + commented(option.details);
      out += commented("Allowed: " + std::string(option.allowed) + ".");
      out += commented("A new value is taken " + std::string(when_taken(option)) + ".");
      out += std::string(option.name()) + " = " + toml_value(option, option.default_text) + "\n";
    }
  }
  return out;
}

std::string options_reference() {
  std::string out =
      "# Options of `shoal node`\n\n"
      "Generated from the table in `node/config/option_table.cc` by `shoal config --reference`; do not edit "
      "by "
      "hand.\n\n"
      "Every option is a key of the TOML file (`shoal node --config FILE`, or the variable `SHOAL_CONFIG`), "
      "a flag\n"
      "and an environment variable. A flag wins over the environment, the environment over the file, the "
      "file over\n"
      "the default. In flags and variables the values of a list are separated by commas, and an empty value "
      "is an\n"
      "empty list. A mistake stops the start: the message names file, line, key and what is allowed.\n\n"
      "`shoal config` prints the default file, `shoal config --check FILE` checks one.\n\n"
      "A running node reads all of it anew when it is told to (`shoal reload`, `SIGHUP`, `POST "
      "/v1/reload`). \"Taken\"\n"
      "says whether a new value then takes effect or has to wait for the next start.\n";
  for (const Section& section : sections()) {
    out += "\n## " + std::string(section.name) + "\n\n" + std::string(section.summary) + "\n";
    for (const Option& option : option_table()) {
      if (option.section() != section.name) continue;
      out += "\n### `" + std::string(option.key) + "`\n\n" + std::string(option.summary) + "\n";
      if (!option.details.empty()) out += std::string(option.details) + "\n";
      out += "\n- Default: `" + toml_value(option, option.default_text) + "`\n";
      out += "- Allowed: " + std::string(option.allowed) + "\n";
      out += "- Taken: " + std::string(when_taken(option)) + "\n";
      out += "- Flag `" + flag_name(option) + "`, variable `" + environment_name(option) + "`\n";
    }
  }
  return out;
}

}  // namespace shoal::node
