#define DOCTEST_CONFIG_IMPLEMENT
#include <doctest/doctest.h>

#include <csignal>
#include <cstdio>

int main(int argc, char** argv) {
  // As the program does: libuv writes to connections that the other side may have closed.
  std::signal(SIGPIPE, SIG_IGN);
  // A line is seen when it is written, also in a file: tests/run takes silence for hanging.
  std::setvbuf(stdout, nullptr, _IOLBF, BUFSIZ);
  return doctest::Context(argc, argv).run();
}
