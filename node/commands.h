// The commands of the executable, each in a file of its own (node/command_NAME.cc). Results go to standard
// output, errors to standard error as "shoal: MESSAGE". Each returns the exit code: kExitOk or kExitFailed.

#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "node/admin_client.h"
#include "node/resolve_options.h"

namespace shoal::node {

constexpr int kExitOk = 0;
constexpr int kExitFailed = 1;  // it did not work, or something is not valid
constexpr int kExitUsage = 2;   // the command line cannot be understood

// Where a node's admin endpoint is if nobody says otherwise.
constexpr std::string_view kDefaultAdmin = "127.0.0.1:9697";

// One "shoal: LINE" per line of the message.
void print_error(std::string_view message);

// shoal node.
int command_node(const std::optional<std::string>& config, const std::vector<NamedText>& flags);

// shoal config.
int command_config_default();
int command_config_reference();
int command_config_manual();
int command_config_check(const std::string& file);
int command_config_from_opentracker(const std::string& file);

// shoal keygen: to a new file, or to standard output for "-".
int command_keygen(const std::string& file);

// shoal status: of the nodes whose admin addresses ("HOST:PORT", at least one) are given.
struct StatusRequest {
  std::vector<std::string> admins;
  bool json = false;   // one node: its document; several: a list of those that answered
  bool ready = false;  // ask only whether they are ready
};
int command_status(const StatusRequest& request);

// What the commands have in common that change something in a running node.
struct AdminRequest {
  std::string admin{kDefaultAdmin};  // HOST:PORT
  std::string token_file;            // the node's admin.token_file; empty: none
  bool json = false;
};

// shoal drain: asks a node to leave in good order.
int command_drain(const AdminRequest& request);

// shoal reload: has a node read its options and files anew, and says what came of it.
int command_reload(const AdminRequest& request);

// shoal access: shows or changes the access list by way of one node.
struct AccessRequest {
  enum class Verb : uint8_t { add, remove, list };
  Verb verb = Verb::list;
  AdminRequest node;
  std::vector<std::string> hashes;
};
int command_access(const AccessRequest& request);

// HOST:PORT as given to --admin; nothing: it is not one, which has been said.
std::optional<HostPort> read_admin(const std::string& text);

// shoal probe.
struct ProbeRequest {
  std::string url;
  std::optional<std::string> hash;  // none: a random one
  std::chrono::milliseconds timeout{2000};
  bool json = false;
};
int command_probe(const ProbeRequest& request);

}  // namespace shoal::node
