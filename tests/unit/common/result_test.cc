#include "common/result.h"

#include <doctest/doctest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <string>

using namespace shoal;
using common::Result;

namespace {

// How a process of its own ends that does this: the signal, or 0.
template <class Do>
int signal_of(Do act) {
  const pid_t child = fork();
  if (child == 0) {
    std::signal(SIGABRT, SIG_DFL);
    act();
    _exit(0);
  }
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

}  // namespace

TEST_CASE("result: the value of an error, and the error of a value, end the program") {
  const Result<std::string> good("value");
  const Result<std::string> bad = common::fail("reason");
  CHECK(*good == "value");
  CHECK(good->size() == 5);
  CHECK(bad.error().message == "reason");
  CHECK(signal_of([&] { return (*good).size() + bad.error().message.size(); }) == 0);
  CHECK(signal_of([&] { return (*bad).size(); }) == SIGABRT);
  CHECK(signal_of([&] { return bad->size(); }) == SIGABRT);
  CHECK(signal_of([&] { return good.error().message.size(); }) == SIGABRT);
}

TEST_CASE("result: made of an error of another one, and assigned") {
  Result<int> number = 1;
  const Result<std::string> bad = common::fail("reason");
  number = tl::make_unexpected(bad.error());
  CHECK(number.error().message == "reason");
  const Result<void> nothing = tl::make_unexpected(number.error());
  CHECK(!nothing);
  CHECK(Result<void>());
  number = 2;
  CHECK(*number == 2);
}
