#include "node/cli/commands.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <utility>

#include "common/hex.h"
#include "common/log.h"
#include "node/cli/answer_text.h"
#include "node/config/option_values.h"
#include "node/text/printable.h"
#include "node/text/suggest.h"
#include "node/text/word_list.h"
#include "proto/change_stamp.h"

namespace shoal::node {

void print_error(std::string_view message) {
  while (!message.empty()) {
    const size_t end = std::min(message.find('\n'), message.size());
    common::write_log_line("shoal: " + std::string(message.substr(0, end)));
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

common::Result<AdminAddress> read_admin(const std::string& text) {
  constexpr std::string_view kHttps = "https://";
  const bool tls = text.starts_with(kHttps);
  std::string server = tls ? text.substr(kHttps.size()) : text;
  if (tls && server.ends_with('/')) server.pop_back();
  if (const auto admin = parse_host_port(server)) return AdminAddress{*admin, tls};
  return common::fail("--admin: \"" + printable(text, 80) +
                      "\" is not allowed: HOST:PORT such as 127.0.0.1:9697, or https://HOST:PORT");
}

CLI::Validator one_of(std::vector<std::string> words) {
  const auto check = [words = std::move(words)](const std::string& typed) -> std::string {
    if (std::find(words.begin(), words.end(), typed) != words.end()) return "";
    const std::vector<std::string_view> views(words.begin(), words.end());
    return '"' + printable(typed, 80) + "\" is not allowed: " + or_list(views) + suggestion(typed, words);
  };
  return {check, ""};
}

int forget_origin(const AdminRequest& request, const AdminAddress& admin, const std::string& path,
                  const std::vector<std::string>& names, bool everybody) {
  const bool one = names.size() == 1 && is_name(names[0]);
  if (everybody ? !names.empty() : !one) {
    return failed(request.json,
                  "forget-origin needs the name of one node, or its id as in `shoal status`, or --everybody",
                  kExitUsage);
  }
  const std::string node = everybody ? common::node_id_text(proto::kEverybody) : names[0];
  const auto answer = admin_post(admin, request.token_file, path + "/forget-origin?node=" + node);
  if (!answer) return failed(request.json, to_string(admin) + ": " + answer.error().message);
  if (request.json) {
    print_json(*answer);
  } else {
    std::printf("%s: %s\n", to_string(admin).c_str(), result_text(*answer).c_str());
  }
  return kExitOk;
}

void add_everybody(CLI::App& app, bool& everybody) {
  app.add_flag("--everybody", everybody, "With forget-origin: what all nodes have made so far");
}

void add_admin_options(CLI::App& app, AdminRequest& request) {
  app.add_option("--admin", request.admin, "admin.listen of the node")->type_name("HOST:PORT");
  app.add_option("--token-file", request.token_file, "admin.token_file of the node")->type_name("FILE");
  app.add_flag("--json", request.json, "Print JSON");
}

}  // namespace shoal::node
