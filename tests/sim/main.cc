// shoal_sim [--seed N | --from N --seeds COUNT] [--nodes N] [--progress] [doctest options]: clusters under
// virtual time.

#define DOCTEST_CONFIG_IMPLEMENT
#include <doctest/doctest.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "seeds.h"

int main(int argc, char** argv) {
  shoal::sim::set_program(argv[0]);
  // A line is seen when it is written, also in a file: tests/run takes silence for hanging.
  std::setvbuf(stdout, nullptr, _IOLBF, BUFSIZ);
  for (int i = 1; i < argc; ++i) {
    if (std::strcmp(argv[i], "--progress") == 0) setenv("SHOAL_SIM_PROGRESS", "1", 1);
  }
  for (int i = 1; i + 1 < argc; ++i) {
    if (std::strcmp(argv[i], "--seed") == 0) setenv("SHOAL_SIM_SEED", argv[i + 1], 1);
    if (std::strcmp(argv[i], "--from") == 0) setenv("SHOAL_SIM_FROM", argv[i + 1], 1);
    if (std::strcmp(argv[i], "--nodes") == 0) setenv("SHOAL_SIM_NODES", argv[i + 1], 1);
    if (std::strcmp(argv[i], "--seeds") == 0) setenv("SHOAL_SIM_SEEDS", argv[i + 1], 1);
  }
  doctest::Context context(argc, argv);
  return context.run();
}
