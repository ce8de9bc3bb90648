#include "proto/json_reader.h"

#include <charconv>

#include "proto/utf8.h"

namespace shoal::proto {

namespace {

bool is_json_blank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

bool is_json_digit(char c) { return c >= '0' && c <= '9'; }

// None: not a hexadecimal digit.
std::optional<uint32_t> json_hex_digit(char c) {
  if (is_json_digit(c)) return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return std::nullopt;
}

// The four digits at the beginning.
std::optional<uint32_t> json_hex4(std::string_view text) {
  if (text.size() < 4) return std::nullopt;
  uint32_t value = 0;
  for (size_t i = 0; i < 4; ++i) {
    const auto digit = json_hex_digit(text[i]);
    if (!digit) return std::nullopt;
    value = value << 4 | *digit;
  }
  return value;
}

// The size of the escape that begins with the backslash at the beginning; 0: it is none.
size_t json_escape_size(std::string_view text) {
  if (text.size() < 2) return 0;
  if (text[1] == 'u') return json_hex4(text.substr(2)) ? 6 : 0;
  return std::string_view("\"\\/bfnrt").find(text[1]) != std::string_view::npos ? 2 : 0;
}

// Bytes of `text` up to the first bare quote, or all of them; none: that is no text of a string.
std::optional<size_t> json_text_size(std::string_view text) {
  Utf8Check utf8;
  size_t at = 0;
  while (at < text.size() && text[at] != '"') {
    const auto byte = static_cast<uint8_t>(text[at]);
    if (byte < 0x20 || !utf8.take(byte)) return std::nullopt;
    if (byte != '\\') {
      ++at;
      continue;
    }
    const size_t size = json_escape_size(text.substr(at));
    if (size == 0) return std::nullopt;
    at += size;
  }
  if (!utf8.whole()) return std::nullopt;
  return at;
}

size_t digits_at(std::string_view text, size_t at) {
  size_t count = 0;
  while (at + count < text.size() && is_json_digit(text[at + count])) ++count;
  return count;
}

// The size of the number at the beginning; 0: there is none.
size_t json_number_size(std::string_view text) {
  size_t at = text.starts_with('-') ? 1 : 0;
  const size_t whole = digits_at(text, at);
  if (whole == 0 || (whole > 1 && text[at] == '0')) return 0;
  at += whole;
  if (at < text.size() && text[at] == '.') {
    const size_t fraction = digits_at(text, at + 1);
    if (fraction == 0) return 0;
    at += 1 + fraction;
  }
  if (at < text.size() && (text[at] == 'e' || text[at] == 'E')) {
    ++at;
    if (at < text.size() && (text[at] == '+' || text[at] == '-')) ++at;
    const size_t exponent = digits_at(text, at);
    if (exponent == 0) return 0;
    at += exponent;
  }
  return at;
}

void append_json_unicode(std::string& out, uint8_t byte) {
  static constexpr std::string_view kDigits = "0123456789abcdef";
  out += "\\u00";
  out += kDigits[byte >> 4];
  out += kDigits[byte & 15];
}

// One of ASCII, as it stands in a string.
void append_json_ascii(std::string& out, uint8_t byte) {
  if (byte < 0x20 || byte == 0x7f) return append_json_unicode(out, byte);
  if (byte == '"' || byte == '\\') out += '\\';
  out += static_cast<char>(byte);
}

}  // namespace

bool JsonReader::fail() {
  ok_ = false;
  rest_ = {};
  return false;
}

void JsonReader::blanks() {
  size_t at = 0;
  while (at < rest_.size() && is_json_blank(rest_[at])) ++at;
  rest_.remove_prefix(at);
}

bool JsonReader::take(char wanted) {
  blanks();
  if (!rest_.starts_with(wanted)) return false;
  rest_.remove_prefix(1);
  return true;
}

bool JsonReader::expect(char wanted) { return take(wanted) || fail(); }

bool JsonReader::open(char bracket) {
  if (!expect(bracket)) return false;
  if (depth_ == kJsonDepthMax) return fail();
  ++depth_;
  return true;
}

JsonKind JsonReader::kind() {
  blanks();
  if (rest_.empty()) return JsonKind::none;
  const char c = rest_.front();
  if (c == '{') return JsonKind::object;
  if (c == '[') return JsonKind::array;
  if (c == '"') return JsonKind::string;
  if (c == '-' || is_json_digit(c)) return JsonKind::number;
  return c == 't' || c == 'f' || c == 'n' ? JsonKind::literal : JsonKind::none;
}

std::string_view JsonReader::string() {
  if (!expect('"')) return {};
  const auto size = json_text_size(rest_);
  if (!size || *size == rest_.size()) {
    fail();
    return {};
  }
  const std::string_view text = rest_.substr(0, *size);
  rest_.remove_prefix(*size + 1);
  return text;
}

std::optional<double> JsonReader::number() {
  blanks();
  const size_t size = json_number_size(rest_);
  double value = 0;
  const auto read = std::from_chars(rest_.data(), rest_.data() + size, value);
  // Beyond what a double holds it is not zero, and nobody asks for more.
  if (size == 0 || (read.ec != std::errc() && read.ec != std::errc::result_out_of_range)) {
    fail();
    return std::nullopt;
  }
  rest_.remove_prefix(size);
  return read.ec == std::errc() ? value : 1;
}

void JsonReader::literal() {
  for (const std::string_view word : {"true", "false", "null"}) {
    if (!rest_.starts_with(word)) continue;
    rest_.remove_prefix(word.size());
    return;
  }
  fail();
}

void JsonReader::skip() {
  switch (kind()) {
    case JsonKind::object:
      return object([this](std::string_view) { skip(); });
    case JsonKind::array:
      return array([this] { skip(); });
    case JsonKind::string:
      string();
      return;
    case JsonKind::number: {
      // Nobody asks for its value, which costs most of it all.
      const size_t size = json_number_size(rest_);
      if (size == 0) {
        fail();
      } else {
        rest_.remove_prefix(size);
      }
      return;
    }
    case JsonKind::literal:
      return literal();
    case JsonKind::none:
      fail();
      return;
  }
}

bool is_json_text(std::string_view text) {
  const auto size = json_text_size(text);
  return size && *size == text.size();
}

std::optional<std::array<uint8_t, 20>> json_binary20(std::string_view text) {
  std::array<uint8_t, 20> bytes;
  size_t count = 0;
  for (size_t at = 0; at < text.size();) {
    const auto byte = static_cast<uint8_t>(text[at]);
    uint32_t value = byte;
    if (byte == '\\') {
      const size_t size = json_escape_size(text.substr(at));
      static constexpr std::string_view kNames = "bfnrt";
      static constexpr std::string_view kValues = "\b\f\n\r\t";
      if (size == 6) {
        value = json_hex4(text.substr(at + 2)).value_or(0);
      } else if (size == 2) {
        const size_t name = kNames.find(text[at + 1]);
        value = static_cast<uint8_t>(name == std::string_view::npos ? text[at + 1] : kValues[name]);
      } else {
        return std::nullopt;
      }
      at += size;
    } else if (byte < 0x80) {
      ++at;
    } else {
      // U+0080 to U+00FF.
      if (byte > 0xc3 || at + 1 >= text.size()) return std::nullopt;
      value = (byte & 3U) << 6 | (static_cast<uint8_t>(text[at + 1]) & 0x3fU);
      at += 2;
    }
    if (value > 0xff || count == bytes.size()) return std::nullopt;
    bytes[count++] = static_cast<uint8_t>(value);
  }
  if (count != bytes.size()) return std::nullopt;
  return bytes;
}

void append_json_binary(std::string& out, const std::array<uint8_t, 20>& bytes) {
  out += '"';
  for (const uint8_t byte : bytes) {
    if (byte < 0x80) {
      append_json_ascii(out, byte);
    } else {
      out += static_cast<char>(0xc0 | byte >> 6);
      out += static_cast<char>(0x80 | (byte & 0x3f));
    }
  }
  out += '"';
}

void append_json_string(std::string& out, std::string_view text) {
  const bool valid = is_utf8(text);
  out += '"';
  for (const char c : text) {
    const auto byte = static_cast<uint8_t>(c);
    if (byte < 0x80) {
      append_json_ascii(out, byte);
    } else {
      out += valid ? c : '?';
    }
  }
  out += '"';
}

}  // namespace shoal::proto
