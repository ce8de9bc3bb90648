#include "node/cli/commands.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <utility>

#include "node/config/load_options.h"
#include "node/config/option_values.h"
#include "node/lifecycle/running_node.h"
#include "node/text/printable.h"

namespace shoal::node {

void print_error(std::string_view message) {
  while (!message.empty()) {
    const size_t end = std::min(message.find('\n'), message.size());
    std::fprintf(stderr, "shoal: %.*s\n", static_cast<int>(end), message.data());
    message.remove_prefix(std::min(message.size(), end + 1));
  }
}

std::string default_admin() {
  const char* listen = std::getenv("SHOAL_ADMIN_LISTEN");
  if (listen == nullptr || *listen == '\0') return "127.0.0.1:9697";
  std::string text = listen;
  for (const auto& [everywhere, loopback] :
       {std::pair{"0.0.0.0:", "127.0.0.1:"}, std::pair{"[::]:", "[::1]:"}}) {
    if (text.starts_with(everywhere)) return loopback + text.substr(std::string_view(everywhere).size());
  }
  return text;
}

int failed(bool json, std::string_view message, int code) {
  if (json) print_json({{"error", message}});
  print_error(message);
  return code;
}

common::Result<HostPort> read_admin(const std::string& text) {
  const auto admin = parse_host_port(text);
  if (admin) return *admin;
  return common::fail("--admin: \"" + printable(text, 80) +
                      "\" is not allowed: HOST:PORT such as 127.0.0.1:9697");
}

int command_node(const std::optional<std::string>& config, const std::vector<NamedText>& flags) {
  const auto options = load_options(config, flags);
  if (!options) {
    print_error(options.error().message);
    return kExitFailed;
  }
  return run_node(*options, [config, flags] { return load_options(config, flags); });
}

}  // namespace shoal::node
