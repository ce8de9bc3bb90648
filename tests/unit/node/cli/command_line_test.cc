#include "node/cli/command_line.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <unistd.h>

#include <cstdio>
#include <iostream>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

#include "node/config/option_text.h"

using namespace shoal::node;

namespace {

struct Outcome {
  int code = 0;
  std::string out;
  std::string err;
  std::string text;  // both
};

// Redirects one of this process's outputs to a temporary file until text().
class Captured {
 public:
  explicit Captured(int fd) : fd_(fd), before_(dup(fd)), file_(std::tmpfile()) {
    REQUIRE(file_ != nullptr);
    dup2(fileno(file_), fd_);
  }
  ~Captured() { std::fclose(file_); }
  Captured(const Captured&) = delete;
  Captured& operator=(const Captured&) = delete;

  std::string text() {
    dup2(before_, fd_);
    close(before_);
    std::rewind(file_);
    std::string text;
    for (int c = std::fgetc(file_); c != EOF; c = std::fgetc(file_)) text += static_cast<char>(c);
    return text;
  }

 private:
  const int fd_;
  const int before_;
  FILE* const file_;
};

Outcome run(std::vector<const char*> arguments) {
  arguments.insert(arguments.begin(), "shoal");
  std::fflush(stdout);
  std::cout.flush();
  Captured out(STDOUT_FILENO);
  Captured err(STDERR_FILENO);
  Outcome outcome;
  outcome.code = run_command_line(static_cast<int>(arguments.size()), arguments.data());
  std::fflush(stdout);
  std::cout.flush();
  outcome.out = out.text();
  outcome.err = err.text();
  outcome.text = outcome.out + outcome.err;
  return outcome;
}

bool has(const Outcome& outcome, const std::string& text) {
  return outcome.text.find(text) != std::string::npos;
}

}  // namespace

TEST_CASE("command line: help and version succeed, and every command's help has examples") {
  CHECK(run({"--version"}).code == 0);
  CHECK(run({"--help"}).code == 0);
  for (const char* command : {"node", "status", "top", "probe", "drain", "forget", "access", "feeds",
                              "keygen", "config", "completion"}) {
    CAPTURE(command);
    const Outcome help = run({command, "--help"});
    CHECK(help.code == 0);
    CHECK(has(help, std::string("Examples:\n  shoal ") + command));
  }
  const Outcome help = run({"node", "--help"});
  for (const Option& option : option_table()) CHECK(has(help, flag_name(option) + " "));
}

TEST_CASE("command line: wrong usage is exit code 2") {
  CHECK(run({}).code == 2);
  CHECK(has(run({}), "shoal: a command is needed: node, probe, status, "));
  CHECK(has(run({"nosuch"}), "shoal: \"nosuch\" is not a command: node, probe, status, "));
  const Outcome nod = run({"nod", "--config", "x"});
  CHECK(has(nod, "\"nod\" is not a command: node, probe, status, "));
  CHECK(has(nod, " or completion; did you mean node?\n"));
  CHECK(has(run({"stats"}), "; did you mean status?"));
  CHECK(has(run({"\x1b[2J"}), "\"\\x1b[2J\" is not a command"));
  CHECK(has(run({"--nosuch"}), "--nosuch is not expected here"));
  const Outcome verb = run({"access", "show"});
  CHECK(verb.code == 2);
  CHECK(has(verb, "\"show\" is not allowed: add, remove, list or forget-origin"));
  CHECK(has(run({"access", "lst"}), "; did you mean list?"));
  CHECK(has(run({"completion", "csh"}), "\"csh\" is not allowed: bash, zsh or fish"));
  CHECK(has(run({"probe", "--all", "a", "--protocol", "tcp"}), "\"tcp\" is not allowed: udp or http"));
  const Outcome flag = run({"node", "--tracker.interval", "5"});
  CHECK(flag.code == 2);
  CHECK(has(flag, "--tracker.interval is not expected here; did you mean --tracker.interval_s?"));
  CHECK(run({"node", "extra"}).code == 2);
  CHECK(run({"node", "--tracker.interval_s"}).code == 2);
  CHECK(run({"node", "--tracker.interval_s", "5", "--tracker.interval_s", "6"}).code == 2);
  CHECK(run({"probe"}).code == 2);
  CHECK(run({"probe", "udp://127.0.0.1:1", "--timeout-ms", "0"}).code == 2);
  CHECK(run({"config", "--check"}).code == 2);
  CHECK(run({"config", "--reference", "--check", "x"}).code == 2);
  CHECK(run({"keygen", "a", "b"}).code == 2);
}

TEST_CASE("command line: an invalid value or a failure is exit code 1") {
  const Outcome value = run({"node", "--tracker.interval_s", "0"});
  CHECK(value.code == 1);
  CHECK(value.text ==
        "shoal: --tracker.interval_s: 0 is not allowed: a whole number of seconds from 1 to 86400\n");
  CHECK(has(run({"node", "--tracker.numwant_max", "-1"}), "--tracker.numwant_max: -1 is not allowed"));
  // An empty value is a value, in both forms.
  CHECK(has(run({"node", "--tracker.udp=", "--tracker.http", ""}),
            "tracker.udp, tracker.http and tracker.https are all empty"));
  CHECK(has(run({"node", "--config", "/nonexistent"}),
            "/nonexistent: cannot be read: No such file or directory"));
  CHECK(run({"node", "--config", "/"}).code == 1);
  CHECK(run({"node", "--config", ""}).code == 1);
  CHECK(run({"config", "--check", "/nonexistent"}).code == 1);
  CHECK(run({"keygen", "/nonexistent/key"}).code == 1);
  CHECK(run({"probe", "ftp://127.0.0.1"}).code == 1);
  CHECK(has(run({"probe", "udp://127.0.0.1:1", "--hash", "12"}), "40 hexadecimal digits"));
  CHECK(has(run({"probe", "http://127.0.0.1:1/announce"}), "Connection refused"));
  CHECK(has(run({"status", "--admin", "127.0.0.1:1"}), "shoal: 127.0.0.1:1: Connection refused"));
  CHECK(run({"status", "--admin", "127.0.0.1:1", "--ready"}).code == 1);
  CHECK(run({"status", "--admin", "x"}).code == 1);
  CHECK(run({"drain", "--admin", "x"}).code == 1);
  CHECK(has(run({"drain", "--admin", "127.0.0.1:1"}), "shoal: 127.0.0.1:1: Connection refused"));
  CHECK(has(run({"forget", "b", "--admin", "127.0.0.1:1"}), "shoal: 127.0.0.1:1: Connection refused"));
  CHECK(has(run({"forget", "a b"}), "a name has 1 to 64 letters"));
}

TEST_CASE("command line: config and keygen print their result") {
  CHECK(run({"config"}).text == default_file());
  CHECK(run({"config", "--reference"}).text == options_reference());
  CHECK(has(run({"keygen"}), "\nshoal-key-1:"));
  CHECK(has(run({"keygen", "--json"}), "{\n  \"key_file\": \"#"));
}

namespace {

// Command lines that fail, for every command: an invalid address, one where nobody listens, a missing file,
// wrong usage.
struct Failure {
  int code;
  std::vector<const char*> arguments;
};

const std::vector<Failure>& failures() {
  static const char* const kHash = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
  static const std::vector<Failure> all = {
      {1, {"node", "--config", "/nonexistent"}},
      {2, {"node", "--bogus"}},
      {1, {"keygen", "/nonexistent/key"}},
      {2, {"keygen", "a", "b"}},
      {1, {"config", "--check", "/nonexistent"}},
      {1, {"config", "--from-opentracker", "/nonexistent"}},
      {2, {"config", "--bogus"}},
      {2, {"config", "--for-service"}},
      {1, {"status", "--admin", "foo"}},
      {1, {"status", "--admin", "127.0.0.1:1"}},
      {1, {"status", "--admin", "127.0.0.1:1", "--admin", "127.0.0.1:1"}},
      {1, {"status", "--admin", "127.0.0.1:1", "--ready"}},
      {1, {"status", "--admin", "foo", "--watch"}},
      {2, {"status", "--bogus"}},
      {1, {"top", "--admin", "foo"}},
      {1, {"top", "--admin", "127.0.0.1:1"}},
      {2, {"top", "--amount", "0"}},
      {1, {"drain", "--admin", "foo"}},
      {1, {"drain", "--admin", "127.0.0.1:1"}},
      {1, {"drain", "--admin", "127.0.0.1:1", "--token-file", "/nonexistent"}},
      {2, {"drain", "now"}},
      {1, {"forget", "node-b", "--admin", "foo"}},
      {1, {"forget", "no name"}},
      {2, {"forget"}},
      {1, {"reload", "--admin", "foo"}},
      {1, {"reload", "--admin", "127.0.0.1:1"}},
      {1, {"reload", "--admin", "127.0.0.1:1", "--token-file", "/nonexistent"}},
      {2, {"reload", "now"}},
      {1, {"access", "list", "--admin", "foo"}},
      {1, {"access", "list", "--admin", "127.0.0.1:1"}},
      {1, {"access", "list", "12"}},
      {1, {"access", "add", kHash, "--admin", "foo"}},
      {1, {"access", "add", kHash, "--admin", "127.0.0.1:1"}},
      {1, {"access", "remove", kHash, "--admin", "127.0.0.1:1", "--token-file", "/nonexistent"}},
      {2, {"access", "add"}},
      {2, {"access", "bogus"}},
      {1, {"feeds", "--admin", "foo"}},
      {1, {"feeds", "--admin", "127.0.0.1:1"}},
      {1, {"feeds", "a b"}},
      {1, {"feeds", "--fetch", "--admin", "127.0.0.1:1"}},
      {2, {"feeds", "--shrink"}},
      {2, {"feeds", "a", "b"}},
      {1, {"probe", "ftp://127.0.0.1"}},
      {1, {"probe", "udp://127.0.0.1:1", "--hash", "12"}},
      {1, {"probe", "http://127.0.0.1:1/announce"}},
      {1, {"probe", "udp://127.0.0.1:1", "--timeout-ms", "50"}},
      {1, {"probe", "--all", "127.0.0.1:1", "--timeout-ms", "50", "--agree-ms", "1"}},
      {1, {"probe", "--all", "127.0.0.1:1", "--admin", "foo"}},
      {1, {"probe", "--all", "--admin", "127.0.0.1:1"}},
      {2, {"probe"}},
      {2, {"probe", "--all"}},
      {2, {"completion", "csh"}},
      {1, {"ban", "list", "--admin", "127.0.0.1:1"}},
      {1, {"ban", "add", "nonsense", "--admin", "127.0.0.1:1"}},
      {2, {"ban", "add"}},
      {2, {"ban", "forget-origin"}},
      {2, {"access", "forget-origin"}},
      {2, {"ban", "forget-origin", "node-b", "--everybody"}},
      {1, {"ban", "forget-origin", "--everybody", "--admin", "127.0.0.1:1"}},
      {2, {"ban", "list", "--everybody"}},
      {2, {"access", "list", "--everybody"}},
  };
  return all;
}

// The names of the commands, as the help lists them.
std::set<std::string> commands() {
  const std::string help = run({"--help"}).out;
  std::set<std::string> found;
  for (size_t at = help.find("Subcommands:"); at != std::string::npos; at = help.find("\n  ", at + 1)) {
    const size_t begin = at + 3;
    if (help[at] == '\n' && help[begin] != ' ')
      found.insert(help.substr(begin, help.find(' ', begin) - begin));
  }
  return found;
}

bool has_error(const nlohmann::json& document) {
  return document.is_object() && document.contains("error") && document["error"].is_string() &&
         !document["error"].get_ref<const std::string&>().empty();
}

}  // namespace

TEST_CASE("command line: every command that fails says why on standard error") {
  std::set<std::string> tried;
  for (const Failure& failure : failures()) {
    std::string line;
    for (const char* argument : failure.arguments) line += std::string(" ") + argument;
    CAPTURE(line);
    tried.insert(failure.arguments[0]);
    const Outcome outcome = run(failure.arguments);
    CHECK(outcome.code == failure.code);
    CHECK(outcome.err.starts_with("shoal: "));
    CHECK(outcome.err.size() > std::string("shoal: \n").size());
  }
  CHECK(tried == commands());
}

TEST_CASE("command line: every command that fails with --json prints one document with the error") {
  for (const Failure& failure : failures()) {
    if (!has(run({failure.arguments[0], "--help"}), "--json")) continue;
    std::vector<const char*> arguments = failure.arguments;
    if (arguments.size() > 1 && arguments[1] == std::string("--from-opentracker"))
      continue;  // prints no JSON
    arguments.push_back("--json");
    std::string line;
    for (const char* argument : arguments) line += std::string(" ") + argument;
    CAPTURE(line);
    const Outcome outcome = run(arguments);
    CHECK(outcome.code == failure.code);
    CHECK(outcome.err.starts_with("shoal: "));
    const auto document = nlohmann::json::parse(outcome.out, nullptr, false);
    REQUIRE(!document.is_discarded());
    if (document.is_array()) {  // of several nodes
      for (const auto& one : document) CHECK(has_error(one));
    } else {
      CHECK(has_error(document));
    }
  }
}

TEST_CASE("command line: the mistakes of a file as JSON, and flags that do not go together") {
  const Outcome check = run({"config", "--check", "/nonexistent", "--json"});
  CHECK(check.code == 1);
  CHECK(has(check, "\"ok\": false"));
  CHECK(has(check, "\"warnings\": []"));
  CHECK(run({"config", "--json"}).code == 2);
  CHECK(run({"status", "--ready", "--watch"}).code == 2);
  CHECK(run({"top", "--amount", "0"}).code == 2);
}
