// RecordArray: records in a row, like a vector, but it grows in place where the allocator can. Swarms that
// fill at random would else leave a hole in the heap with every step that one of them grows. Records are
// copied byte by byte. Not thread-safe; a pointer is valid until the next change.

#pragma once

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <new>
#include <type_traits>
#include <utility>

#include "node/store/allocation.h"

namespace shoal::node {

template <class Record>
class RecordArray {
  static_assert(std::is_trivially_copyable_v<Record>);

 public:
  RecordArray() = default;
  RecordArray(RecordArray&& other) noexcept
      : records_(std::exchange(other.records_, nullptr)),
        size_(std::exchange(other.size_, 0)),
        capacity_(std::exchange(other.capacity_, 0)) {}
  RecordArray& operator=(RecordArray&& other) noexcept {
    std::swap(records_, other.records_);
    std::swap(size_, other.size_);
    std::swap(capacity_, other.capacity_);
    return *this;
  }
  ~RecordArray() { std::free(records_); }

  uint32_t size() const { return size_; }
  Record* data() { return records_; }
  const Record* data() const { return records_; }
  Record& operator[](uint32_t at) { return records_[at]; }
  const Record& operator[](uint32_t at) const { return records_[at]; }
  Record* begin() { return records_; }
  Record* end() { return records_ + size_; }
  const Record* begin() const { return records_; }
  const Record* end() const { return records_ + size_; }

  // Returns where it is.
  Record* insert(uint32_t at, const Record& record) {
    if (size_ == capacity_) resize(size_ + std::max(kStepMin, size_ / kStepPart));
    std::memmove(records_ + at + 1, records_ + at, (size_ - at) * sizeof(Record));
    records_[at] = record;
    ++size_;
    return records_ + at;
  }
  void append(const RecordArray& other) {
    if (other.size_ == 0) return;
    if (size_ + other.size_ > capacity_) resize(size_ + other.size_);
    std::memcpy(records_ + size_, other.records_, other.size_ * sizeof(Record));
    size_ += other.size_;
  }
  void erase(uint32_t at) {
    std::memmove(records_ + at, records_ + at + 1, (size_ - at - 1) * sizeof(Record));
    --size_;
  }
  // Returns how many are gone.
  template <class Which>
  uint32_t erase_if(Which which) {
    Record* const kept = std::remove_if(begin(), end(), which);
    const auto gone = static_cast<uint32_t>(end() - kept);
    size_ -= gone;
    return gone;
  }
  // The records from `at` on, which are no longer in this one.
  RecordArray split(uint32_t at) {
    RecordArray rest;
    if (at == size_) return rest;
    rest.resize(size_ - at);
    std::memcpy(rest.records_, records_ + at, (size_ - at) * sizeof(Record));
    rest.size_ = size_ - at;
    size_ = at;
    fit(at);
    return rest;
  }

  // Gives memory back once less than half of it is used; all of it only when it is empty.
  void shrink_if_sparse() {
    if (size_ == 0 || (capacity_ > kSparseMin && size_ < capacity_ / 2)) fit(size_ + size_ / 8);
  }

  size_t bytes() const { return allocated_bytes(capacity_ * sizeof(Record)); }

 private:
  static constexpr uint32_t kStepPart = 16;
  static constexpr uint32_t kStepMin = 4;
  static constexpr uint32_t kSparseMin = 8;

  void fit(uint32_t room) {
    if (room != 0) return resize(room);
    std::free(records_);
    records_ = nullptr;
    capacity_ = 0;
  }
  // Makes room for so many, not fewer than there are, and for as many more as the allocator rounds up to.
  void resize(uint32_t room) {
    const size_t usable = allocated_bytes(room * sizeof(Record)) - sizeof(size_t);
    const auto capacity = static_cast<uint32_t>(usable / sizeof(Record));
    auto* resized = static_cast<Record*>(std::realloc(records_, capacity * sizeof(Record)));
    if (resized == nullptr && capacity <= capacity_) return;  // it stays as large as it is
    if (resized == nullptr) throw std::bad_alloc();
    records_ = resized;
    capacity_ = capacity;
  }

  Record* records_ = nullptr;
  uint32_t size_ = 0;
  uint32_t capacity_ = 0;
};

}  // namespace shoal::node
