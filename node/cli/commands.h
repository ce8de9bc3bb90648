// The commands of the executable, and what they share. Each command has a file, node/cli/command_NAME.cc: its
// flags, its help, and what it does. It prints results to standard output and errors to standard error as
// "shoal: MESSAGE", and returns the exit code: kExitOk or kExitFailed. With --json, standard output is one
// document; if the command fails, the document has an "error".

#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "common/result.h"
#include "node/cli/admin_client.h"
#include "node/net/addresses.h"

namespace CLI {
class App;
class Validator;
}  // namespace CLI

namespace shoal::node {

// A command on the command line. CLI11 writes into values that `run` owns.
struct Command {
  CLI::App* app;             // part of the App that it was added to
  std::function<int()> run;  // returns the exit code
  // It runs for long and needs nothing of the App: that is gone by then, with half a megabyte.
  bool without_app = false;
};

// All commands, in the order of `shoal --help`: NAME is added by NAME_command() of node/cli/command_NAME.cc.
// clang-format off
#define SHOAL_COMMANDS(each) \
  each(node) \
  each(probe) \
  each(status) \
  each(top) \
  each(drain) \
  each(access) \
  each(feeds) \
  each(ban) \
  each(forget) \
  each(keygen) \
  each(config) \
  each(reload) \
  each(completion)
// clang-format on

#define SHOAL_DECLARE_COMMAND(name) Command name##_command(CLI::App& shoal);
SHOAL_COMMANDS(SHOAL_DECLARE_COMMAND)
#undef SHOAL_DECLARE_COMMAND

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

// Parses --admin: HOST:PORT, or https://HOST:PORT.
common::Result<AdminAddress> read_admin(const std::string& text);

// Refuses all other words for a flag or an argument, and names these.
CLI::Validator one_of(std::vector<std::string> words);

// The arguments that all commands that change a running node share.
struct AdminRequest {
  std::string admin = default_admin();  // HOST:PORT or https://HOST:PORT
  std::string token_file;               // the node's admin.token_file; empty: none
  bool json = false;
};

// Asks the node to make void what another node has changed, or all: POST to `path`/forget-origin. `names` is
// one, or with `everybody` none.
int forget_origin(const AdminRequest& request, const AdminAddress& admin, const std::string& path,
                  const std::vector<std::string>& names, bool everybody);

// The flag for it.
void add_everybody(CLI::App& app, bool& everybody);

// Adds their flags to a command. `request` outlives `app`'s parsing.
void add_admin_options(CLI::App& app, AdminRequest& request);

}  // namespace shoal::node
