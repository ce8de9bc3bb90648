// The seal of a pull's answer, for tests of both ends: donor 11, in its run 12.

#pragma once

#include <cstdint>

#include "sync/pull_seal.h"

namespace shoal::test {

inline sync::PullSeal seal_of(uint8_t request) {
  sync::PullSeal seal;
  seal.key.key.fill(9);
  seal.request.fill(request);
  seal.donor = 11;
  seal.incarnation = 12;
  return seal;
}

}  // namespace shoal::test
