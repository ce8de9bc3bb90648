// Bencode: what the reader accepts is canonical, so the writer gives the same bytes back.

#include <string>
#include <string_view>
#include <vector>

#include "common/check.h"
#include "proto/bencode.h"

using namespace shoal::proto;

namespace {

void rewrite(const BencodeValue& value, BencodeWriter& writer) {
  switch (value.kind()) {
    case BencodeValue::Kind::integer:
      writer.integer(*value.integer());
      return;
    case BencodeValue::Kind::bytes:
      writer.bytes(*value.bytes());
      return;
    case BencodeValue::Kind::list: {
      writer.begin_list();
      auto children = value.children();
      while (const auto child = children.next()) rewrite(*child, writer);
      writer.end();
      return;
    }
    case BencodeValue::Kind::dict: {
      writer.begin_dict();
      auto children = value.children();
      while (const auto key = children.next()) {
        const auto entry = children.next();
        CHECK_INVARIANT(entry.has_value());
        writer.bytes(*key->bytes());
        rewrite(*entry, writer);
      }
      writer.end();
      return;
    }
  }
}

// find() returns exactly the value that follows the key.
void check_find(const BencodeValue& dict) {
  auto children = dict.children();
  while (const auto key = children.next()) {
    const auto entry = children.next();
    const auto found = dict.find(*key->bytes());
    CHECK_INVARIANT(found && found->encoded().data() == entry->encoded().data());
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view message(reinterpret_cast<const char*>(data), size);
  const auto value = parse_bencode(message);
  if (!value) {
    CHECK_INVARIANT(value.error().message.starts_with("bencode: "));
    return 0;
  }
  std::vector<uint8_t> room(size);
  BencodeWriter writer(room);
  rewrite(*value, writer);
  CHECK_INVARIANT(writer.ok() && writer.written() == message);
  if (value->kind() == BencodeValue::Kind::dict && size <= 512) check_find(*value);
  return 0;
}
