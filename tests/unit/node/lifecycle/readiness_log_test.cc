#include "node/lifecycle/readiness_log.h"

#include <doctest/doctest.h>
#include <unistd.h>

#include <cstdio>
#include <string>
#include <vector>

using namespace shoal::node;

namespace {

// The lines that a log writes to standard error while `answers` are given one after the other; the last one
// ends it.
std::vector<std::string> lines_of(const std::vector<Readiness>& answers) {
  std::FILE* const file = std::tmpfile();
  REQUIRE(file != nullptr);
  const int before = dup(STDERR_FILENO);
  dup2(fileno(file), STDERR_FILENO);
  uv_loop_t loop;
  uv_loop_init(&loop);
  {
    size_t looks = 0;
    ReadinessLog* running = nullptr;
    ReadinessLog log(&loop, [&] {
      if (looks + 1 == answers.size()) running->close();
      return answers[looks++];
    });
    running = &log;
    log.start();
    uv_run(&loop, UV_RUN_DEFAULT);
  }
  uv_loop_close(&loop);
  dup2(before, STDERR_FILENO);
  close(before);
  std::rewind(file);
  std::vector<std::string> lines;
  char line[500];
  while (std::fgets(line, sizeof line, file) != nullptr) {
    const std::string text = line;
    lines.push_back(text.substr(text.find(' ') + 1));
  }
  std::fclose(file);
  return lines;
}

}  // namespace

TEST_CASE("readiness log: a line when the node becomes ready") {
  const auto lines = lines_of({{true, ""}, {true, ""}});
  REQUIRE(lines.size() == 1);
  CHECK(lines[0].starts_with("info ready after_ms="));
}

TEST_CASE("readiness log: what it waits for is said once, and each change after that") {
  const auto lines = lines_of({{false, "bootstrapping from b (1 %)"},
                               {false, "bootstrapping from b (2 %)"},
                               {true, ""},
                               {false, "digest check"},
                               {false, "digest check"},
                               {true, ""}});
  REQUIRE(lines.size() == 4);
  CHECK(lines[0] == "info not ready yet reason=\"bootstrapping from b (1 %)\"\n");
  CHECK(lines[1].starts_with("info ready after_ms="));
  CHECK(lines[2] == "warn no longer ready reason=\"digest check\"\n");
  CHECK(lines[3].starts_with("info ready after_ms="));
}
