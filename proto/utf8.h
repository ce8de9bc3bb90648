// UTF-8 (RFC 3629), checked as it comes in pieces: no overlong forms, no surrogates, nothing above U+10FFFF.
// Pure; any thread.

#pragma once

#include <cstdint>
#include <string_view>

namespace shoal::proto {

class Utf8Check {
 public:
  // False: this cannot be the next piece of a valid text, nor can anything after it.
  bool take(std::string_view piece) {
    for (const char c : piece) {
      if (!take(static_cast<uint8_t>(c))) return false;
    }
    return true;
  }

  bool take(uint8_t byte) {
    if (missing_ > 0) {
      if (byte < low_ || byte > high_) return false;
      low_ = 0x80;
      high_ = 0xbf;
      --missing_;
      return true;
    }
    if (byte < 0x80) return true;
    if (byte < 0xc2 || byte > 0xf4) return false;
    missing_ = byte < 0xe0 ? 1 : byte < 0xf0 ? 2 : 3;
    low_ = byte == 0xe0 ? 0xa0 : byte == 0xf0 ? 0x90 : 0x80;
    high_ = byte == 0xed ? 0x9f : byte == 0xf4 ? 0x8f : 0xbf;
    return true;
  }

  // Whether the text may end here.
  bool whole() const { return missing_ == 0; }

 private:
  uint8_t missing_ = 0;  // bytes of the present character
  uint8_t low_ = 0x80;   // what the next of them may be
  uint8_t high_ = 0xbf;
};

inline bool is_utf8(std::string_view text) {
  Utf8Check check;
  return check.take(text) && check.whole();
}

}  // namespace shoal::proto
