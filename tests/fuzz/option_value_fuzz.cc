// The parsers of single values, key files and tracker URLs: what is accepted reads back the same from its
// printed form. The first byte chooses the option whose flag is set.

#include <string>
#include <string_view>

#include "common/check.h"
#include "node/cluster/key_file.h"
#include "node/config/option_values.h"
#include "node/config/resolve_options.h"
#include "node/config/setting.h"
#include "node/probe/probe.h"

using namespace shoal::node;

namespace {

void check_values(std::string_view text) {
  if (const auto value = parse_whole(text, 3, 500)) CHECK_INVARIANT(*value >= 3 && *value <= 500);
  if (const auto value = parse_fraction(text, 0, 0.5)) CHECK_INVARIANT(*value >= 0 && *value <= 0.5);
  if (const auto value = parse_host_port(text)) CHECK_INVARIANT(parse_host_port(to_string(*value)) == value);
  if (const auto value = parse_multicast_group(text)) {
    CHECK_INVARIANT(parse_multicast_group(to_string(*value)) == value);
  }
  if (const auto value = parse_listen_address(text)) {
    CHECK_INVARIANT(parse_listen_address(shoal::common::to_string(*value)) == value);
  }
  CHECK_INVARIANT(is_name(name_from_host(text)));
}

void check_key_file(std::string_view text) {
  const auto key = parse_key_file("file", text);
  if (key) CHECK_INVARIANT(*parse_key_file("file", format_key_file(*key)) == *key);
}

void check_url(std::string_view text) {
  const auto url = parse_tracker_url(text);
  if (!url) return;
  const std::string printed = (url->udp ? "udp://" : "http://") + to_string(url->server) + url->path;
  const auto again = parse_tracker_url(printed);
  CHECK_INVARIANT(again && again->server == url->server && again->path == url->path &&
                  again->udp == url->udp);
  if (const auto path = scrape_path(url->path)) CHECK_INVARIANT(path->starts_with('/'));
}

// A flag and a variable with the same text give the same result.
void check_sources(const Option& option, std::string_view text) {
  CHECK_INVARIANT(split_values(option, text).size() <= option.list_max + 1);
  OptionSources flag, variable;
  flag.flags = {{std::string(option.key), std::string(text)}};
  variable.environment = {{environment_name(option), std::string(text)}};
  CHECK_INVARIANT(resolve_options(flag).has_value() == resolve_options(variable).has_value());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const Option& option = option_table()[data[0] % option_table().size()];
  const std::string_view text(reinterpret_cast<const char*>(data + 1), size - 1);
  check_values(text);
  check_key_file(text);
  check_url(text);
  check_sources(option, text);
  return 0;
}
