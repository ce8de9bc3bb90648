#include "node/config/option_text.h"

#include <algorithm>

#include "node/config/setting.h"

namespace shoal::node {

namespace {

constexpr size_t kColumnsMax = 110;

std::string toml_scalar(OptionKind kind, const std::string& value) {
  if (kind != OptionKind::text) return value;
  std::string out = "\"";
  for (const char c : value) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + '"';
}

// `text` in lines of at most kColumnsMax characters, each behind `prefix`; a longer word has its own line.
std::string wrapped(std::string_view text, std::string_view prefix = "") {
  std::string out;
  std::string line(prefix);
  while (!text.empty()) {
    const size_t space = std::min(text.find(' '), text.size());
    const bool fits = line.size() + 1 + space <= kColumnsMax;
    if (!fits && line.size() > prefix.size()) {
      out += line + "\n";
      line = prefix;
    }
    if (line.size() > prefix.size()) line += ' ';
    line += text.substr(0, space);
    text.remove_prefix(std::min(text.size(), space + 1));
  }
  return out + line + "\n";
}

std::string commented(std::string_view text) { return wrapped(text, "# "); }

// What the documents say alike.
constexpr std::string_view kEveryOption =
    "Every option is a key of the TOML file, a flag of `shoal node` and an environment variable. A flag wins "
    "over the environment, the environment over the file, the file over the default. In flags and variables "
    "the values of a list are separated by commas, and an empty value is an empty list. A mistake stops the "
    "start: the message names the file, the line, the key and what is allowed.";
constexpr std::string_view kPrintAndCheck =
    "`shoal config` prints a file with every default. `shoal config --check FILE` checks one.";
constexpr std::string_view kReload =
    "A running node reads its options again at a reload: `shoal reload`, `systemctl reload shoal`, SIGHUP or "
    "POST /v1/reload. With each option stands whether a new value takes effect then or at the next start.";

// Plain text in roff: a hyphen stays a hyphen, and no line is a request.
std::string roff(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const bool line_begins = out.empty() || out.back() == '\n';
    if (line_begins && (c == '.' || c == '\'')) out += "\\&";
    if (c == '\\') {
      out += "\\e";
    } else if (c == '-') {
      out += "\\-";
    } else {
      out += c;
    }
  }
  return out;
}

std::string roff_line(std::string_view text) { return roff(text) + "\n"; }

// Calls `section` before the options of each section, and `option` for each of these.
template <class OfSection, class OfOption>
void for_each_option(OfSection of_section, OfOption of_option) {
  for (const Section& section : sections()) {
    of_section(section);
    for (const Option& option : option_table()) {
      if (option.section() == section.name) of_option(option);
    }
  }
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

std::string_view when_effective(const Option& option) {
  return option.reloadable() ? "at a reload" : "at the next start";
}

std::string default_file() {
  std::string out =
      commented(
          "Options of a shoal node: every key with its default. A key that is left out has its default.") +
      commented(
          "Each is also a flag (--section.key VALUE) and an environment variable (SHOAL_SECTION_KEY): a flag "
          "wins over the environment, the environment over this file. Check a file with `shoal config "
          "--check "
          "FILE`.") +
      commented(
          "A running node reads the file again at a reload (`shoal reload`, SIGHUP). With each key stands "
          "whether a new value takes effect then or at the next start.");
  for_each_option(
      [&](const Section& section) {
        out += "\n" + commented(section.summary) + "[" + std::string(section.name) + "]\n";
      },
      [&](const Option& option) {
        out += "\n" + commented(option.summary);
        if (!option.details.empty()) out += commented(option.details);
        out += commented("Allowed: " + option.allowed + ".");
        out += commented("Takes effect " + std::string(when_effective(option)) + ".");
        out += std::string(option.name()) + " = " + toml_value(option, option.default_text) + "\n";
      });
  return out;
}

std::string options_reference() {
  std::string out =
      "# Options of `shoal node`\n\n" +
      wrapped(
          "Generated from the table in `node/config/option_table.cc` by `shoal config --reference`; do not "
          "edit by hand.") +
      "\n" + wrapped(kEveryOption) + "\n" + wrapped(kPrintAndCheck) + "\n" + wrapped(kReload);
  for_each_option(
      [&](const Section& section) {
        out += "\n## " + std::string(section.name) + "\n\n" + wrapped(section.summary);
      },
      [&](const Option& option) {
        out += "\n### `" + std::string(option.key) + "`\n\n" + wrapped(option.summary);
        if (!option.details.empty()) out += wrapped(option.details);
        out += "\n- Default: `" + toml_value(option, option.default_text) + "`\n";
        out += "- Allowed: " + option.allowed + "\n";
        out += "- Takes effect: " + std::string(when_effective(option)) + "\n";
        out += "- Flag `" + flag_name(option) + "`, variable `" + environment_name(option) + "`\n";
      });
  return out;
}

std::string options_manual(std::string_view version) {
  std::string out = ".TH SHOAL.TOML 5 \"\" \"shoal " + roff(version) +
                    "\" \"File formats\"\n"
                    ".SH NAME\nshoal.toml \\- options of a shoal node\n"
                    ".SH DESCRIPTION\n" +
                    roff_line(kEveryOption) + ".PP\n" + roff_line(kPrintAndCheck) + ".PP\n" +
                    roff_line(kReload);
  for_each_option(
      [&](const Section& section) {
        out += ".SH [" + roff(section.name) + "]\n" + roff_line(section.summary);
      },
      [&](const Option& option) {
        out += ".TP\n\\fB" + roff(option.name()) + " = " + roff(toml_value(option, option.default_text)) +
               "\\fR\n";
        out += roff_line(option.summary);
        if (!option.details.empty()) out += roff_line(option.details);
        out += ".br\nAllowed: " + roff(option.allowed) + ".\n";
        out += ".br\nTakes effect " + roff(when_effective(option)) + ".\n";
        out += ".br\nFlag " + roff(flag_name(option)) + ", variable " + environment_name(option) + ".\n";
      });
  return out + ".SH SEE ALSO\n.BR shoal (1)\n";
}

}  // namespace shoal::node
