#include "node/config/setting.h"

#include <algorithm>

#include "common/text.h"
#include "node/config/option_values.h"
#include "node/text/printable.h"
#include "node/text/url_secrets.h"

namespace shoal::node {

namespace {

bool is_quoted(const Option& option) { return option.kind == OptionKind::text; }

}  // namespace

std::vector<std::string> split_values(const Option& option, std::string_view text) {
  if (!option.is_list()) return {std::string(text)};
  std::vector<std::string> values;
  if (common::trim_blanks(text).empty()) return values;
  while (values.size() <= option.list_max) {  // one too many is enough to refuse the list
    const size_t comma = std::min(text.find(','), text.size());
    values.emplace_back(common::trim_blanks(text.substr(0, comma)));
    if (comma == text.size()) break;
    text.remove_prefix(comma + 1);
  }
  return values;
}

std::string not_allowed(const std::string& origin, const std::string& value, const Option& option) {
  return origin + ": " + value + " is not allowed: " + option.allowed;
}

void apply(const Setting& setting, Options& options, std::vector<std::string>& errors) {
  if (!setting.error.empty()) {
    errors.push_back(setting.error);
    return;
  }
  const Option& option = *setting.option;
  if (option.is_list()) option.clear(options);
  if (option.is_list() && setting.values.size() > option.list_max) {
    errors.push_back(
        not_allowed(setting.origin, "a list of more than " + std::to_string(option.list_max), option));
    return;
  }
  for (const std::string& value : setting.values) {
    if (value.size() <= kValueBytesMax && option.set(options, value)) continue;
    const std::string plain = without_url_secrets(value);
    const bool quoted = is_quoted(option) || printable(plain) != plain || plain.empty();
    const std::string shown = quoted ? '"' + printable(plain, 80) + '"' : printable(plain, 80);
    errors.push_back(not_allowed(setting.origin, shown, option));
  }
}

}  // namespace shoal::node
