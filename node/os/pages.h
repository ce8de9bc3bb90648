// Pages: an array of fixed size in memory of its own that the kernel gives page by page, each when it is
// first written; until then it reads as zeros. For tables that are large and of which a small node uses
// little: what is never written is never there. So its elements' empty state is zero in every byte, and none
// is constructed.
//
// Whether a first write gets 4 KiB or a huge page is the administrator's choice
// (/sys/kernel/mm/transparent_hugepage/enabled), as for all memory. Elements are not destroyed. Any thread,
// as far as the elements allow it.

#pragma once

#include <cstddef>
#include <limits>
#include <memory>
#include <new>
#include <type_traits>

namespace shoal::node {

// Throws std::bad_alloc. `bytes` is more than 0.
void* map_pages(size_t bytes);
void unmap_pages(void* pages, size_t bytes) noexcept;

template <class T>
requires std::is_trivially_destructible_v<T>
class Pages {
 public:
  // `count` is more than 0. Throws std::bad_alloc.
  explicit Pages(size_t count)
      : elements_(static_cast<T*>(map_pages(bytes_of(count))), Unmap{count * sizeof(T)}) {}

  T& operator[](size_t index) const { return elements_.get()[index]; }
  T* get() const { return elements_.get(); }

 private:
  static size_t bytes_of(size_t count) {
    if (count > std::numeric_limits<size_t>::max() / sizeof(T)) throw std::bad_array_new_length();
    return count * sizeof(T);
  }

  struct Unmap {
    size_t bytes;
    void operator()(T* elements) const { unmap_pages(elements, bytes); }
  };

  std::unique_ptr<T, Unmap> elements_;
};

}  // namespace shoal::node
