// What the store's memory costs, and how its arrays grow: in small steps, because with a million swarms
// unused capacity is most of the waste.

#pragma once

#include <cstddef>
#include <vector>

namespace shoal::node {

// Bytes that the C library's allocator takes for a block: a word of header, rounded up to 16, whole pages for
// the largest.
constexpr size_t allocated_bytes(size_t size) {
  if (size == 0) return 0;
  if (size >= 128 * 1024) return (size + 16 + 4095) & ~size_t{4095};
  const size_t rounded = (size + 8 + 15) & ~size_t{15};
  return rounded < 32 ? 32 : rounded;
}

template <class T>
size_t allocated_bytes(const std::vector<T>& array) {
  return allocated_bytes(array.capacity() * sizeof(T));
}

// Makes room for one more element: a step of 1/`part` of the capacity, at least `least` elements.
template <class T>
void grow_for_one(std::vector<T>& array, size_t part, size_t least) {
  if (array.size() < array.capacity()) return;
  const size_t step = array.capacity() / part;
  array.reserve(array.capacity() + (step > least ? step : least));
}

// Shrinks the array once less than half of it is used; frees all of it only when it is empty.
template <class T>
void shrink_if_sparse(std::vector<T>& array, size_t least) {
  if (array.empty()) {
    array = std::vector<T>();
    return;
  }
  if (array.capacity() <= least || array.size() >= array.capacity() / 2) return;
  std::vector<T> smaller;
  smaller.reserve(array.size() + array.size() / 8 + 1);
  for (T& element : array) smaller.push_back(static_cast<T&&>(element));
  array = static_cast<std::vector<T>&&>(smaller);
}

}  // namespace shoal::node
