#include "node/config/option_text.h"

namespace shoal::node {

namespace {

// Plain text as roff takes it: no hyphen becomes a dash, and no line a request.
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

std::string paragraph(std::string_view text) { return roff(text) + "\n"; }

}  // namespace

std::string options_manual(std::string_view version) {
  std::string out = ".TH SHOAL.TOML 5 \"\" \"shoal " + roff(version) +
                    "\" \"File formats\"\n"
                    ".SH NAME\nshoal.toml \\- options of a shoal node\n"
                    ".SH DESCRIPTION\n" +
                    paragraph(
                        "Every option is a key of this file, a flag of `shoal node` and an environment "
                        "variable. A flag wins over the environment, the environment over the file, the "
                        "file over the default. In flags and variables the values of a list are "
                        "separated by commas, and an empty value is an empty list. A mistake stops the "
                        "start: the message names file, line, key and what is allowed.") +
                    ".PP\n" +
                    paragraph(
                        "`shoal config` prints a file with every default, `shoal config --check FILE` "
                        "checks one. A running node reads everything anew at SIGHUP, by `shoal reload` "
                        "or `systemctl reload shoal`. Options marked \"Taken at a reload\" then take "
                        "effect, others at the next start.");
  for (const Section& section : sections()) {
    out += ".SH [" + roff(section.name) + "]\n" + paragraph(section.summary);
    for (const Option& option : option_table()) {
      if (option.section() != section.name) continue;
      out += ".TP\n\\fB" + roff(option.name()) + " = " + roff(toml_value(option, option.default_text)) +
             "\\fR\n";
      out += paragraph(option.summary);
      if (!option.details.empty()) out += paragraph(option.details);
      out += ".br\nAllowed: " + roff(option.allowed) + ".\n";
      out += ".br\nTaken " + roff(when_taken(option)) + ".\n";
      out += ".br\nFlag " + roff(flag_name(option)) + ", variable " + environment_name(option) + ".\n";
    }
  }
  return out + ".SH SEE ALSO\n.BR shoal (1)\n";
}

}  // namespace shoal::node
