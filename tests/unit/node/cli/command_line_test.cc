#include "node/cli/command_line.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <unistd.h>

#include <cstdio>
#include <iostream>
#include <string>
#include <vector>

#include "node/config/option_text.h"

using namespace shoal::node;

namespace {

struct Outcome {
  int code = 0;
  std::string text;  // standard output and error
};

// Runs the command line with both outputs in a temporary file.
Outcome run(std::vector<const char*> arguments) {
  arguments.insert(arguments.begin(), "shoal");
  FILE* file = std::tmpfile();
  REQUIRE(file != nullptr);
  std::fflush(stdout);
  std::cout.flush();
  const int out = dup(STDOUT_FILENO);
  const int err = dup(STDERR_FILENO);
  dup2(fileno(file), STDOUT_FILENO);
  dup2(fileno(file), STDERR_FILENO);
  Outcome outcome;
  outcome.code = run_command_line(static_cast<int>(arguments.size()), arguments.data());
  std::fflush(stdout);
  std::cout.flush();
  dup2(out, STDOUT_FILENO);
  dup2(err, STDERR_FILENO);
  close(out);
  close(err);
  std::rewind(file);
  for (int c = std::fgetc(file); c != EOF; c = std::fgetc(file)) outcome.text += static_cast<char>(c);
  std::fclose(file);
  return outcome;
}

bool has(const Outcome& outcome, const std::string& text) {
  return outcome.text.find(text) != std::string::npos;
}

}  // namespace

TEST_CASE("command line: help and version succeed, every command explains itself by examples") {
  CHECK(run({"--version"}).code == 0);
  CHECK(run({"--help"}).code == 0);
  for (const char* command :
       {"node", "status", "top", "probe", "drain", "access", "keygen", "config", "completion"}) {
    CAPTURE(command);
    const Outcome help = run({command, "--help"});
    CHECK(help.code == 0);
    CHECK(has(help, std::string("Examples:\n  shoal ") + command));
  }
  const Outcome help = run({"node", "--help"});
  for (const Option& option : option_table()) CHECK(has(help, flag_name(option) + " "));
}

TEST_CASE("command line: what cannot be understood is exit code 2") {
  CHECK(run({}).code == 2);
  CHECK(has(run({"nosuch"}), "shoal: nosuch is not expected here"));
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

TEST_CASE("command line: what is not valid or does not work is exit code 1") {
  const Outcome value = run({"node", "--tracker.interval_s", "0"});
  CHECK(value.code == 1);
  CHECK(value.text ==
        "shoal: --tracker.interval_s: 0 is not allowed: a whole number of seconds from 1 to 86400\n");
  CHECK(has(run({"node", "--tracker.numwant_max", "-1"}), "--tracker.numwant_max: -1 is not allowed"));
  // An empty value is a value, in both forms.
  CHECK(has(run({"node", "--tracker.udp=", "--tracker.http", ""}),
            "tracker.udp and tracker.http are both empty"));
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
}

TEST_CASE("command line: config and keygen print what they make") {
  CHECK(run({"config"}).text == default_file());
  CHECK(run({"config", "--reference"}).text == options_reference());
  CHECK(has(run({"keygen"}), "\nshoal-key-1:"));
  CHECK(has(run({"keygen", "--json"}), "{\n  \"key_file\": \"#"));
}

TEST_CASE("command line: with --json what does not work is a document as well") {
  const std::string hash(40, 'a');
  for (const std::vector<const char*>& arguments : std::vector<std::vector<const char*>>{
           {"status", "--admin", "127.0.0.1:1", "--json"},
           {"status", "--admin", "127.0.0.1:1", "--json", "--ready"},
           {"status", "--admin", "x", "--json"},
           {"top", "--admin", "127.0.0.1:1", "--json"},
           {"drain", "--admin", "127.0.0.1:1", "--json"},
           {"access", "add", hash.c_str(), "--admin", "127.0.0.1:1", "--json"},
           {"access", "list", "--admin", "127.0.0.1:1", "--json"},
           {"access", "list", "12", "--json"},
           {"probe", "ftp://127.0.0.1", "--json"},
           {"keygen", "/nonexistent/key", "--json"}}) {
    CAPTURE(arguments[0]);
    const Outcome outcome = run(arguments);
    CHECK(outcome.code == 1);
    CHECK(has(outcome, "\"error\": \""));
    CHECK(has(outcome, "shoal: "));
  }
  const Outcome check = run({"config", "--check", "/nonexistent", "--json"});
  CHECK(check.code == 1);
  CHECK(has(check, "\"ok\": false"));
  CHECK(run({"config", "--json"}).code == 2);
  CHECK(run({"status", "--ready", "--watch"}).code == 2);
  CHECK(run({"top", "--amount", "0"}).code == 2);
}
