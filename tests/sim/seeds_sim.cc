// The replay commands that failing scenarios print run exactly that scenario, through a shell and doctest.

#include <doctest/doctest.h>

#include <array>
#include <cstdio>

#include "seeds.h"

namespace shoal::sim {
namespace {

std::string output_of(const std::string& command) {
  std::FILE* pipe = popen(command.c_str(), "r");
  REQUIRE(pipe != nullptr);
  std::string out;
  std::array<char, 256> buffer;
  while (const size_t count = std::fread(buffer.data(), 1, buffer.size(), pipe))
    out.append(buffer.data(), count);
  REQUIRE(pclose(pipe) == 0);
  return out;
}

TEST_CASE("replay commands run one scenario, whatever commas and 'quotes' its name has") {
  for (const char* name : {"replay commands run one scenario, whatever commas and 'quotes' its name has",
                           "storm: everything at once, then calm",
                           "a late joiner with a wrong clock adopts the cluster's time"}) {
    const std::string command = replay_command(name, 7);
    CHECK(command.find(" --seed 7 ") != std::string::npos);
    const std::string listed = output_of(command + " --list-test-cases --no-colors");
    INFO(command, "\n", listed);
    CHECK(listed.find(std::string("\n") + name + "\n") != std::string::npos);
    CHECK(listed.find("passing the current filters: 1\n") != std::string::npos);
  }
}

}  // namespace
}  // namespace shoal::sim
