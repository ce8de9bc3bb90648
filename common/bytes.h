// Cursors over byte spans: big-endian, never past the end. After the first short read or full write every
// further call does nothing, so a parser may read a whole structure and check ok() once.

#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace shoal::common {

using ByteSpan = std::span<const uint8_t>;

inline ByteSpan bytes_of(std::string_view text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

// What it has on the heap: short texts lie in the string itself.
inline size_t heap_bytes(const std::string& text) {
  return text.capacity() > std::string().capacity() ? text.capacity() : 0;
}

class ByteReader {
 public:
  explicit ByteReader(ByteSpan bytes) : rest_(bytes) {}

  bool ok() const { return ok_; }
  size_t remaining() const { return rest_.size(); }
  ByteSpan rest() const { return rest_; }

  // The next `size` bytes, or an empty span and a failed reader.
  ByteSpan take(size_t size) {
    if (!ok_ || size > rest_.size()) {
      ok_ = false;
      return {};
    }
    const ByteSpan taken = rest_.first(size);
    rest_ = rest_.subspan(size);
    return taken;
  }

  // Zeros after failure.
  template <size_t N>
  std::array<uint8_t, N> take_array() {
    std::array<uint8_t, N> out{};
    const ByteSpan taken = take(N);
    std::copy(taken.begin(), taken.end(), out.begin());
    return out;
  }

  uint8_t u8() { return static_cast<uint8_t>(number<1>()); }
  uint16_t u16() { return static_cast<uint16_t>(number<2>()); }
  uint32_t u32() { return static_cast<uint32_t>(number<4>()); }
  uint64_t u64() { return number<8>(); }

 private:
  template <size_t N>
  uint64_t number() {
    uint64_t value = 0;
    for (const uint8_t byte : take(N)) value = value << 8 | byte;
    return value;
  }

  ByteSpan rest_;
  bool ok_ = true;
};

class ByteWriter {
 public:
  explicit ByteWriter(std::span<uint8_t> out) : out_(out) {}

  bool ok() const { return ok_; }
  size_t size() const { return size_; }
  size_t room() const { return out_.size() - size_; }
  ByteSpan written() const { return out_.first(size_); }

  void bytes(ByteSpan data) {
    if (!ok_ || data.size() > room()) {
      ok_ = false;
      return;
    }
    std::copy(data.begin(), data.end(), out_.begin() + static_cast<ptrdiff_t>(size_));
    size_ += data.size();
  }

  void u8(uint8_t value) { number<1>(value); }
  void u16(uint16_t value) { number<2>(value); }
  void u32(uint32_t value) { number<4>(value); }
  void u64(uint64_t value) { number<8>(value); }

 private:
  template <size_t N>
  void number(uint64_t value) {
    std::array<uint8_t, N> data;
    for (size_t i = 0; i < N; ++i) data[i] = static_cast<uint8_t>(value >> (8 * (N - 1 - i)));
    bytes(data);
  }

  std::span<uint8_t> out_;
  size_t size_ = 0;
  bool ok_ = true;
};

}  // namespace shoal::common
