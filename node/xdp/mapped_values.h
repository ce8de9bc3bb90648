// MappedValues: the values of a map of BPF (an array that may be mapped), as memory shared with the kernel.
// Owns the mapping. Writing needs no privilege and cannot fail.

#pragma once

#include <sys/mman.h>

#include <cstddef>
#include <utility>

namespace shoal::node {

template <class Value>
class MappedValues {
 public:
  MappedValues() = default;
  MappedValues(int map, size_t count) : bytes_(count * sizeof(Value)) {
    static_assert(sizeof(Value) % 8 == 0);
    void* at = mmap(nullptr, bytes_, PROT_READ | PROT_WRITE, MAP_SHARED, map, 0);
    if (at != MAP_FAILED) values_ = static_cast<Value*>(at);
  }
  ~MappedValues() {
    if (values_ != nullptr) munmap(values_, bytes_);
  }
  MappedValues(MappedValues&& other) noexcept
      : bytes_(other.bytes_), values_(std::exchange(other.values_, nullptr)) {}
  MappedValues& operator=(MappedValues&& other) noexcept {
    std::swap(bytes_, other.bytes_);
    std::swap(values_, other.values_);
    return *this;
  }

  explicit operator bool() const { return values_ != nullptr; }
  Value& operator[](size_t i) { return values_[i]; }

 private:
  size_t bytes_ = 0;
  Value* values_ = nullptr;
};

}  // namespace shoal::node
