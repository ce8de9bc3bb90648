// A sanitizer's allocator calls a hook. Otherwise the functions below replace malloc and the like: they
// count and call glibc's. operator new of libstdc++ calls malloc.

#include "tests/unit/support/allocations.h"

#include <atomic>
#include <cerrno>
#include <cstddef>

namespace {

std::atomic<uint64_t> count{0};

void count_one() { count.fetch_add(1, std::memory_order_relaxed); }

}  // namespace

namespace shoal::test {

uint64_t allocations() { return count.load(std::memory_order_relaxed); }

}  // namespace shoal::test

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)

// Of sanitizer/allocator_interface.h, which gcc 12 does not install.
extern "C" int __sanitizer_install_malloc_and_free_hooks(void (*allocated)(const volatile void*, size_t),
                                                         void (*freed)(const volatile void*));

namespace {

[[maybe_unused]] const int installed = __sanitizer_install_malloc_and_free_hooks(
    [](const volatile void*, size_t) { count_one(); }, [](const volatile void*) {});

}  // namespace

#else

extern "C" {

void* __libc_malloc(size_t size);
void* __libc_calloc(size_t number, size_t size);
void* __libc_realloc(void* old, size_t size);
void* __libc_memalign(size_t alignment, size_t size);

void* malloc(size_t size) {
  count_one();
  return __libc_malloc(size);
}

void* calloc(size_t number, size_t size) {
  count_one();
  return __libc_calloc(number, size);
}

void* realloc(void* old, size_t size) {
  count_one();
  return __libc_realloc(old, size);
}

void* memalign(size_t alignment, size_t size) {
  count_one();
  return __libc_memalign(alignment, size);
}

void* aligned_alloc(size_t alignment, size_t size) {
  count_one();
  return __libc_memalign(alignment, size);
}

int posix_memalign(void** out, size_t alignment, size_t size) {
  count_one();
  *out = __libc_memalign(alignment, size);
  return *out == nullptr ? ENOMEM : 0;
}

}  // extern "C"

#endif
