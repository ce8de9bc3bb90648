// Attributes that say which lock guards a field and which lock a function needs. clang checks them
// (-Wthread-safety); every finding fails tests/style/tidy. Other compilers see nothing. The locks that carry
// them are in node/os/mutex.h and node/store/shard_lock.h.
//
// https://clang.llvm.org/docs/ThreadSafetyAnalysis.html

#pragma once

#if defined(__clang__)
#define SHOAL_THREAD_ATTRIBUTE(x) __attribute__((x))
#else
#define SHOAL_THREAD_ATTRIBUTE(x)
#endif

// Of a class: it is a lock; its objects hold one as long as they live.
#define CAPABILITY(name) SHOAL_THREAD_ATTRIBUTE(capability(name))
#define SCOPED_CAPABILITY SHOAL_THREAD_ATTRIBUTE(scoped_lockable)

// Of a field: only who holds `lock` reads or writes it.
#define GUARDED_BY(lock) SHOAL_THREAD_ATTRIBUTE(guarded_by(lock))

// Of a function: its caller holds the locks; it takes them; it lets go of them.
#define REQUIRES(...) SHOAL_THREAD_ATTRIBUTE(requires_capability(__VA_ARGS__))
#define ACQUIRE(...) SHOAL_THREAD_ATTRIBUTE(acquire_capability(__VA_ARGS__))
#define RELEASE(...) SHOAL_THREAD_ATTRIBUTE(release_capability(__VA_ARGS__))

// Of a function: from here on the compiler takes the lock as held. For lambdas: clang does not see that their
// caller holds it.
#define ASSERT_CAPABILITY(lock) SHOAL_THREAD_ATTRIBUTE(assert_capability(lock))

// Of a function: it is not checked. For the locks themselves only.
#define NO_THREAD_SAFETY_ANALYSIS SHOAL_THREAD_ATTRIBUTE(no_thread_safety_analysis)
