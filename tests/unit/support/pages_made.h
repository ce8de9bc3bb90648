// How many pages come into being while something is done: the kernel makes a page when it is first touched.

#pragma once

#include <sys/resource.h>

namespace shoal::test {

template <class Do>
long pages_made(Do&& act) {
  const auto faults = [] {
    rusage usage{};
    getrusage(RUSAGE_THREAD, &usage);
    return usage.ru_minflt;
  };
  const long before = faults();
  act();
  return faults() - before;
}

}  // namespace shoal::test
