// JsonReader: reads a JSON text (RFC 8259) from front to back, without a copy and without a tree: the caller
// says what it wants next. Strict; depth is bounded, work is one look at each byte. Pure; any thread.
//
// After the first mistake everything reads as nothing: check ok() at the end.

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace shoal::proto {

// Objects and arrays in each other.
constexpr size_t kJsonDepthMax = 16;

enum class JsonKind : uint8_t { object, array, string, number, literal, none };

class JsonReader {
 public:
  explicit JsonReader(std::string_view text) : rest_(text) {}

  bool ok() const { return ok_; }

  // Of the next value, by its first byte.
  JsonKind kind();

  // What stands between the quotes of a string, escapes as they are.
  std::string_view string();

  std::optional<double> number();

  // Passes over one value of any kind.
  void skip();

  // Calls visit(key) for each member, with what stands between the quotes of the key. `visit` must read its
  // value.
  template <class Visit>
  void object(Visit visit) {
    if (!open('{')) return;
    if (!take('}')) {
      do {
        const std::string_view key = string();
        if (!expect(':')) return;
        visit(key);
      } while (take(','));
      if (!expect('}')) return;
    }
    --depth_;
  }

  // Calls visit() for each item, which it must read.
  template <class Visit>
  void array(Visit visit) {
    if (!open('[')) return;
    if (!take(']')) {
      do visit();
      while (take(','));
      if (!expect(']')) return;
    }
    --depth_;
  }

  // Whether all of the text was read, and well.
  bool finish() {
    blanks();
    if (!rest_.empty()) fail();
    return ok_;
  }

 private:
  void blanks();
  bool take(char wanted);    // false: it is not the next
  bool expect(char wanted);  // false: the same, and that is a mistake
  bool open(char bracket);
  void literal();
  bool fail();

  std::string_view rest_;
  size_t depth_ = 0;
  bool ok_ = true;
};

// Whether this may stand between the quotes of a JSON string: valid UTF-8, valid escapes, no bare quote or
// control character.
bool is_json_text(std::string_view text);

// 20 bytes that are written as a string whose characters are the bytes (latin-1). `text` is is_json_text().
std::optional<std::array<uint8_t, 20>> json_binary20(std::string_view text);

// Appends bytes as such a string, with its quotes.
void append_json_binary(std::string& out, const std::array<uint8_t, 20>& bytes);

// Appends UTF-8 text as a string, with its quotes. What is not UTF-8 becomes "?".
void append_json_string(std::string& out, std::string_view text);

}  // namespace shoal::proto
