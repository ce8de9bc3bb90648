#include "proto/bencode.h"

#include <array>
#include <charconv>

#include "common/text.h"

namespace shoal::proto {

using common::bytes_of;
using common::ByteSpan;
using common::Result;

namespace {

// Finds the end of one value and says what is wrong with it, if anything is.
class Scanner {
 public:
  explicit Scanner(std::string_view text) : text_(text) {}

  size_t at() const { return at_; }
  const char* error() const { return error_; }

  bool value(size_t depth) {
    if (at_ == text_.size()) return fail("ends early");
    switch (text_[at_]) {
      case 'i':
        return integer();
      case 'l':
        return list(depth);
      case 'd':
        return dict(depth);
      default:
        return string().has_value();
    }
  }

 private:
  bool fail(const char* error) {
    error_ = error;
    return false;
  }

  bool at_end_mark() {
    if (at_ == text_.size() || text_[at_] != 'e') return false;
    ++at_;
    return true;
  }

  bool integer() {
    const char* const first = text_.data() + ++at_;
    const char* const last = text_.data() + text_.size();
    int64_t number = 0;
    const auto [end, error] = std::from_chars(first, last, number);
    if (error != std::errc()) return fail("not a 64-bit integer");
    const size_t size = static_cast<size_t>(end - first);
    const bool zero_first = *first == '0' || (*first == '-' && first[1] == '0');
    if (zero_first && !(number == 0 && size == 1)) return fail("integer with a leading zero");
    at_ += size;
    return at_end_mark() || fail("integer without end");
  }

  std::optional<std::string_view> string() {
    const std::string_view rest = text_.substr(at_);
    if (rest.empty() || !common::is_digit(rest[0])) {
      fail("not a bencoded value");
      return std::nullopt;
    }
    uint64_t size = 0;
    const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), size);
    const size_t digits = static_cast<size_t>(end - rest.data());
    if (error != std::errc() || digits == rest.size() || *end != ':' || (rest[0] == '0' && digits > 1)) {
      fail("bad string length");
      return std::nullopt;
    }
    const std::string_view content = rest.substr(digits + 1);
    if (size > content.size()) {
      fail("string longer than the message");
      return std::nullopt;
    }
    at_ += digits + 1 + size;
    return content.substr(0, size);
  }

  bool list(size_t depth) {
    if (depth == 0) return fail("nested too deep");
    ++at_;
    while (!at_end_mark()) {
      if (!value(depth - 1)) return false;
    }
    return true;
  }

  bool dict(size_t depth) {
    if (depth == 0) return fail("nested too deep");
    ++at_;
    std::optional<std::string_view> previous;
    while (!at_end_mark()) {
      const auto key = string();
      if (!key) return false;
      if (previous && *key <= *previous) return fail("dictionary keys not in order");
      previous = key;
      if (!value(depth - 1)) return false;
    }
    return true;
  }

  std::string_view text_;
  size_t at_ = 0;
  const char* error_ = nullptr;
};

}  // namespace

void BencodeWriter::number(int64_t value) {
  std::array<char, 20> digits;
  const auto result = std::to_chars(digits.data(), digits.data() + digits.size(), value);
  raw({digits.data(), static_cast<size_t>(result.ptr - digits.data())});
}

void BencodeWriter::integer(int64_t value) {
  out_.u8('i');
  number(value);
  out_.u8('e');
}

void BencodeWriter::bytes(std::string_view value) { bytes(bytes_of(value)); }

void BencodeWriter::bytes(ByteSpan value) {
  number(static_cast<int64_t>(value.size()));
  out_.u8(':');
  out_.bytes(value);
}

void BencodeWriter::raw(std::string_view text) { out_.bytes(bytes_of(text)); }

BencodeValue::Kind BencodeValue::kind() const {
  switch (encoded_[0]) {
    case 'i':
      return Kind::integer;
    case 'l':
      return Kind::list;
    case 'd':
      return Kind::dict;
    default:
      return Kind::bytes;
  }
}

std::optional<int64_t> BencodeValue::integer() const {
  if (kind() != Kind::integer) return std::nullopt;
  int64_t number = 0;
  std::from_chars(encoded_.data() + 1, encoded_.data() + encoded_.size(), number);
  return number;
}

std::optional<std::string_view> BencodeValue::bytes() const {
  if (kind() != Kind::bytes) return std::nullopt;
  return encoded_.substr(encoded_.find(':') + 1);
}

std::optional<BencodeValue> BencodeValue::find(std::string_view key) const {
  if (kind() != Kind::dict) return std::nullopt;
  Children entries = children();
  while (const auto name = entries.next()) {
    const auto value = entries.next();
    if (name->bytes() == key) return value;
  }
  return std::nullopt;
}

BencodeValue::Children::Children(const BencodeValue& parent) {
  const Kind kind = parent.kind();
  if (kind == Kind::list || kind == Kind::dict) {
    rest_ = parent.encoded_.substr(1, parent.encoded_.size() - 2);
  }
}

std::optional<BencodeValue> BencodeValue::Children::next() {
  if (rest_.empty()) return std::nullopt;
  Scanner scanner(rest_);
  scanner.value(kBencodeDepthMax);
  const BencodeValue child(rest_.substr(0, scanner.at()));
  rest_.remove_prefix(scanner.at());
  return child;
}

Result<BencodeValue> parse_bencode(std::string_view message) {
  Scanner scanner(message);
  if (!scanner.value(kBencodeDepthMax)) {
    return common::fail(std::string("bencode: ") + scanner.error() + " at byte " +
                        std::to_string(scanner.at()));
  }
  if (scanner.at() != message.size()) {
    return common::fail("bencode: more bytes after the end at byte " + std::to_string(scanner.at()));
  }
  return BencodeValue(message);
}

}  // namespace shoal::proto
