#include <unistd.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "node/cli/commands.h"
#include "node/cli/status_table.h"
#include "node/cli/terminal.h"
#include "node/config/option_values.h"
#include "node/probe/http_client.h"
#include "node/text/printable.h"

namespace shoal::node {

namespace {

constexpr const char* kStatusExamples = R"(
Examples:
  shoal status
  shoal status --admin 192.0.2.1:9697 --admin 192.0.2.2:9697 --json
  shoal status --ready            for health checks: exit code 0 if the node is ready
  shoal status --watch            every second, until Ctrl-C)";

struct StatusRequest {
  std::vector<std::string> admins = {default_admin()};  // HOST:PORT, at least one
  bool json = false;                                    // one node: its document; several: a list
  bool ready = false;                                   // check only whether they are ready
  bool watch = false;                                   // every second, until SIGINT
};

constexpr std::chrono::milliseconds kTimeout{3000};
constexpr std::chrono::seconds kWatchInterval{1};

// Moves the cursor to the upper left corner and erases everything after it (ECMA-48).
constexpr std::string_view kClear = "\x1b[H\x1b[J";

std::string reason_of(const HttpResponse& reply) {
  const std::string_view line = std::string_view(reply.body).substr(0, reply.body.find_first_of("\r\n"));
  return line.empty() ? "HTTP status " + std::to_string(reply.status) : printable(line);
}

common::Result<void> ask_ready(const AdminAddress& admin) {
  const auto reply = ask_admin(admin, "/readyz", kTimeout);
  if (!reply) return tl::make_unexpected(reply.error());
  if (reply->status == 200) return {};
  if (reply->status != 503) {
    if (const auto why = not_an_admin_endpoint(admin)) return common::fail(*why);
  }
  return common::fail("not ready: " + reason_of(*reply));
}

struct Answer {
  AdminAddress admin;
  common::Result<nlohmann::json> document;

  std::string error() const { return to_string(admin) + ": " + document.error().message; }
};
using Answers = std::vector<Answer>;

Answers ask(const StatusRequest& request, const std::vector<AdminAddress>& admins) {
  Answers answers;
  for (const AdminAddress& admin : admins) {
    if (!request.ready) {
      answers.push_back({admin, admin_get(admin, "/status.json")});
    } else if (const auto ready = ask_ready(admin); ready) {
      answers.push_back({admin, nlohmann::json{{"admin", to_string(admin)}, {"ready", true}}});
    } else {
      answers.push_back({admin, tl::make_unexpected(ready.error())});
    }
  }
  return answers;
}

// In the order of the arguments. A node that did not answer has an error.
nlohmann::json as_json(const StatusRequest& request, const Answers& answers) {
  auto list = nlohmann::json::array();
  for (const Answer& answer : answers) {
    if (answer.document) {
      list.push_back(*answer.document);
      continue;
    }
    list.push_back({{"admin", to_string(answer.admin)}, {"error", answer.document.error().message}});
    if (request.ready) list.back()["ready"] = false;
  }
  return list.size() == 1 ? list[0] : list;
}

std::string as_text(const StatusRequest& request, const Answers& answers) {
  std::string out;
  for (const Answer& answer : answers) {
    if (!answer.document) continue;
    if (request.ready) {
      out += to_string(answer.admin) + ": ready\n";
    } else {
      out += (out.empty() ? "" : "\n") + status_table(*answer.document, colours_output());
    }
  }
  return out;
}

// Runs until SIGINT (exit code 0) or until nobody reads the output.
int watch(const StatusRequest& request, const std::vector<AdminAddress>& admins) {
  std::signal(SIGINT, [](int /*signal*/) { _exit(kExitOk); });
  const bool terminal = isatty(STDOUT_FILENO) == 1;
  for (bool first = true;; first = false) {
    const auto begun = std::chrono::steady_clock::now();
    const Answers answers = ask(request, admins);
    std::string frame;
    if (request.json) {
      frame = as_json(request, answers).dump(-1, ' ', true, nlohmann::json::error_handler_t::replace) + "\n";
    } else {
      // Shows a node that does not answer as a line: it may answer later.
      frame = as_text(request, answers);
      for (const Answer& answer : answers) {
        if (!answer.document) frame += (frame.empty() ? "" : "\n") + answer.error() + "\n";
      }
      if (terminal) frame.insert(0, kClear);
      if (!terminal && !first) frame.insert(0, "\n");
    }
    if (std::fputs(frame.c_str(), stdout) == EOF || std::fflush(stdout) == EOF) return kExitFailed;
    std::this_thread::sleep_until(begun + kWatchInterval);
  }
}

int run_status(const StatusRequest& request) {
  std::vector<AdminAddress> admins;
  for (const std::string& text : request.admins) {
    const auto admin = read_admin(text);
    if (!admin) return failed(request.json, admin.error().message);
    admins.push_back(*admin);
  }
  if (request.watch) return watch(request, admins);
  const Answers answers = ask(request, admins);
  if (request.json) {
    print_json(as_json(request, answers));
  } else {
    std::fputs(as_text(request, answers).c_str(), stdout);
  }
  bool ok = true;
  for (const Answer& answer : answers) {
    if (!answer.document) print_error(answer.error());
    ok = ok && answer.document.has_value();
  }
  return ok ? kExitOk : kExitFailed;
}

}  // namespace

Command status_command(CLI::App& shoal) {
  CLI::App* app = shoal.add_subcommand("status", "Show a node and its view of the cluster");
  app->footer(kStatusExamples);
  auto status = std::make_shared<StatusRequest>();
  app->add_option("--admin", status->admins, "admin.listen of a node; may be repeated")
      ->type_name("HOST:PORT")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  app->add_flag("--json", status->json, "Print JSON; with --watch, one line per second");
  CLI::Option* ready = app->add_flag("--ready", status->ready, "Check only whether the node is ready");
  app->add_flag("--watch", status->watch, "Refresh every second, until Ctrl-C")->excludes(ready);
  return {app, [status] { return run_status(*status); }};
}

}  // namespace shoal::node
