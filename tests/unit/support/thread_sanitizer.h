// Whether the tests run under ThreadSanitizer, which cannot make threads after a fork, delivers signals late,
// and takes minutes for millions of steps of one thread, where it has nothing to find.

#pragma once

namespace shoal::test {

#ifdef __SANITIZE_THREAD__
constexpr bool kThreadSanitizer = true;
#else
constexpr bool kThreadSanitizer = false;
#endif

}  // namespace shoal::test
