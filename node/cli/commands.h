// The commands of the executable, each in its own file (node/cli/command_NAME.cc). They print results to
// standard output and errors to standard error as "shoal: MESSAGE", and return the exit code: kExitOk or
// kExitFailed. With
// --json, standard output is one document; if the command fails, the document has an "error".

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
constexpr int kExitFailed = 1;  // it failed, or something is not valid
constexpr int kExitUsage = 2;   // the command line is not valid

// The default admin endpoint (HOST:PORT): SHOAL_ADMIN_LISTEN if it is set, as in a node's container, with
// loopback in place of a wildcard address; otherwise the default of admin.listen.
std::string default_admin();

// Prints "shoal: LINE" for each line of the message.
void print_error(std::string_view message);

// Prints an error, with `json` also as a document. Returns `code`.
int failed(bool json, std::string_view message, int code = kExitFailed);

// shoal node.
int command_node(const std::optional<std::string>& config, const std::vector<NamedText>& flags);

// shoal config.
int command_config_default();
int command_config_reference();
int command_config_manual();
int command_config_check(const std::string& file, bool json);
int command_config_from_opentracker(const std::string& file);

// shoal keygen: writes a key to a new file, or to standard output for "-".
int command_keygen(const std::string& file, bool json);

// shoal status: shows the nodes with these admin endpoints ("HOST:PORT", at least one).
struct StatusRequest {
  std::vector<std::string> admins;
  bool json = false;   // one node: its document; several: a list
  bool ready = false;  // check only whether they are ready
  bool watch = false;  // every second, until SIGINT
};
int command_status(const StatusRequest& request);

// The arguments that all commands that change a running node share.
struct AdminRequest {
  std::string admin = default_admin();  // HOST:PORT
  std::string token_file;               // the node's admin.token_file; empty: none
  bool json = false;
};

// shoal drain: starts an orderly shutdown of a node.
int command_drain(const AdminRequest& request);

// shoal reload: makes a node reload its options and files, and prints the result.
int command_reload(const AdminRequest& request);

// shoal access: shows or changes the access list of the cluster, through one node.
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

// shoal completion: prints a completion script for `shell` (bash, zsh or fish).
int command_completion(const CLI::App& shoal, const std::string& shell);

// Parses the HOST:PORT of --admin.
common::Result<HostPort> read_admin(const std::string& text);

// shoal probe.
struct ProbeRequest {
  std::string url;
  std::optional<std::string> hash;  // none: a random one
  std::chrono::milliseconds timeout{2000};
  bool json = false;
};
int command_probe(const ProbeRequest& request);

// For a probe whose announce was refused, without --hash.
constexpr std::string_view kHashHint =
    "the info_hash was random: a tracker that serves only the swarms on its list needs --hash with one of "
    "them";

// shoal probe --all.
struct ProbeAllRequest {
  std::vector<std::string> names;   // NAME or NAME:PORT
  std::vector<std::string> admins;  // nodes whose members are probed, too
  std::optional<std::string> hash;
  std::string protocol;  // "udp" or "http"; empty: both
  std::chrono::milliseconds timeout{2000};
  std::chrono::milliseconds agree_within{5000};
  bool json = false;
};
int command_probe_all(const ProbeAllRequest& request);

}  // namespace shoal::node
