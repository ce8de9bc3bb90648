// Bencoding (BEP 3): a bounded writer over the caller's bytes, and a strict bounded reader of views. No
// allocation. Any thread.

#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "common/bytes.h"
#include "common/result.h"

namespace shoal::proto {

// Appends to a fixed span; fails for good once it is full, like ByteWriter. The caller balances begin and end
// and sorts dictionary keys.
class BencodeWriter {
 public:
  explicit BencodeWriter(std::span<uint8_t> out) : out_(out) {}

  void integer(int64_t value);
  void bytes(std::string_view value);
  void bytes(common::ByteSpan value);
  // Verbatim: text that is encoded already, or is not bencoded at all.
  void raw(std::string_view text);
  void begin_dict() { out_.u8('d'); }
  void begin_list() { out_.u8('l'); }
  void end() { out_.u8('e'); }

  void entry(std::string_view key, int64_t value) {
    bytes(key);
    integer(value);
  }

  bool ok() const { return out_.ok(); }
  size_t size() const { return out_.size(); }
  std::string_view written() const {
    return {reinterpret_cast<const char*>(out_.written().data()), out_.size()};
  }

 private:
  void number(int64_t value);

  common::ByteWriter out_;
};

constexpr size_t kBencodeDepthMax = 16;

// One value in a message that parse_bencode() has found to be well-formed; a view into its bytes. The
// accessors return nothing if the value is of another kind.
class BencodeValue {
 public:
  enum class Kind : uint8_t { integer, bytes, list, dict };

  Kind kind() const;
  std::optional<int64_t> integer() const;
  std::optional<std::string_view> bytes() const;
  // The value under `key` of a dictionary.
  std::optional<BencodeValue> find(std::string_view key) const;
  // Its bytes in the message.
  std::string_view encoded() const { return encoded_; }

  // Iterates over a list, or over keys and values of a dictionary alternately; empty for other kinds.
  class Children {
   public:
    explicit Children(const BencodeValue& parent);
    std::optional<BencodeValue> next();

   private:
    std::string_view rest_;
  };
  Children children() const { return Children(*this); }

 private:
  friend common::Result<BencodeValue> parse_bencode(std::string_view message);
  explicit BencodeValue(std::string_view encoded) : encoded_(encoded) {}

  std::string_view encoded_;
};

// Accepts exactly one value that fills `message` and is canonical: integers fit 64 bits, no leading zeros, no
// "-0", dictionary keys are strings in strictly ascending order; at most kBencodeDepthMax containers deep.
// One pass, time linear in the size, which the caller limits.
common::Result<BencodeValue> parse_bencode(std::string_view message);

}  // namespace shoal::proto
