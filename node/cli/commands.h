// The commands of the executable, each in a file of its own (node/cli/command_NAME.cc). Results go to
// standard output, errors to standard error as "shoal: MESSAGE". Each returns the exit code: kExitOk or
// kExitFailed. With --json standard output is one document, also of a command that failed: then it has an
// "error".

#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "node/cli/admin_client.h"
#include "node/config/resolve_options.h"

namespace CLI {
class App;
}

namespace shoal::node {

constexpr int kExitOk = 0;
constexpr int kExitFailed = 1;  // it did not work, or something is not valid
constexpr int kExitUsage = 2;   // the command line cannot be understood

// A node's admin endpoint (HOST:PORT) if none is given: admin.listen as the environment sets it, as in a
// node's container, by loopback if that is all addresses; otherwise the option's default.
std::string default_admin();

// One "shoal: LINE" per line of the message.
void print_error(std::string_view message);

// Prints what did not work, with `json` also as a document; returns `code`.
int failed(bool json, std::string_view message, int code = kExitFailed);

// shoal node.
int command_node(const std::optional<std::string>& config, const std::vector<NamedText>& flags);

// shoal config.
int command_config_default();
int command_config_reference();
int command_config_manual();
int command_config_check(const std::string& file, bool json);
int command_config_from_opentracker(const std::string& file);

// shoal keygen: to a new file, or to standard output for "-".
int command_keygen(const std::string& file, bool json);

// shoal status: of the nodes whose admin addresses ("HOST:PORT", at least one) are given.
struct StatusRequest {
  std::vector<std::string> admins;
  bool json = false;   // one node: its document; several: a list
  bool ready = false;  // ask only whether they are ready
  bool watch = false;  // once a second, until SIGINT ends the process
};
int command_status(const StatusRequest& request);

// What commands that change a running node have in common.
struct AdminRequest {
  std::string admin = default_admin();  // HOST:PORT
  std::string token_file;               // the node's admin.token_file; empty: none
  bool json = false;
};

// shoal drain: asks a node to leave in good order.
int command_drain(const AdminRequest& request);

// shoal reload: has a node read its options and files again, and prints the result.
int command_reload(const AdminRequest& request);

// shoal access: shows or changes the access list through one node.
struct AccessRequest {
  enum class Verb : uint8_t { add, remove, list };
  Verb verb = Verb::list;
  AdminRequest node;
  std::vector<std::string> hashes;
};
int command_access(const AccessRequest& request);

// shoal top: the largest swarms that a node knows.
struct TopRequest {
  std::string admin = default_admin();
  size_t amount = 10;
  bool json = false;
};
int command_top(const TopRequest& request);

// shoal completion: a script with which `shell` (bash, zsh or fish) completes this command line.
int command_completion(const CLI::App& shoal, const std::string& shell);

// HOST:PORT as given to --admin.
common::Result<HostPort> read_admin(const std::string& text);

// shoal probe.
struct ProbeRequest {
  std::string url;
  std::optional<std::string> hash;  // none: a random one
  std::chrono::milliseconds timeout{2000};
  bool json = false;
};
int command_probe(const ProbeRequest& request);

// shoal probe --all.
struct ProbeAllRequest {
  std::vector<std::string> names;   // NAME or NAME:PORT
  std::vector<std::string> admins;  // nodes whose members are asked as well
  std::optional<std::string> hash;
  std::string protocol;  // udp or http: only this; empty: both
  std::chrono::milliseconds timeout{2000};
  std::chrono::milliseconds agree_within{5000};
  bool json = false;
};
int command_probe_all(const ProbeAllRequest& request);

}  // namespace shoal::node
