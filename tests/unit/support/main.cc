#define DOCTEST_CONFIG_IMPLEMENT
#include <doctest/doctest.h>
#include <execinfo.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdio>

namespace {

// Prints where a test has crashed; doctest prints only the name of the test, then restores this handler and
// raises the signal again.
void print_stack(int signal) {
  std::array<void*, 64> frames;
  backtrace_symbols_fd(frames.data(), backtrace(frames.data(), static_cast<int>(frames.size())),
                       STDOUT_FILENO);
  std::signal(signal, SIG_DFL);
  std::raise(signal);
}

void print_stack_at(int signal) {
  // The first call loads a library, which a handler must not.
  std::array<void*, 1> frame;
  backtrace(frame.data(), 1);
  // A sanitizer has a handler of its own.
  struct sigaction before {};
  sigaction(signal, nullptr, &before);
  if (before.sa_handler == SIG_DFL) std::signal(signal, print_stack);
}

}  // namespace

int main(int argc, char** argv) {
  // As the program does: libuv writes to connections that the other side may have closed.
  std::signal(SIGPIPE, SIG_IGN);
  // A line is seen when it is written, also in a file: tests/run takes silence for hanging.
  std::setvbuf(stdout, nullptr, _IOLBF, BUFSIZ);
  for (const int signal : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT}) print_stack_at(signal);
  return doctest::Context(argc, argv).run();
}
