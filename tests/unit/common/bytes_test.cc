#include "common/bytes.h"

#include <doctest/doctest.h>
#include <sodium/crypto_shorthash_siphash24.h>

#include <vector>

#include "common/hex.h"
#include "common/info_hash.h"
#include "common/siphash.h"

using namespace shoal::common;

TEST_CASE("bytes: numbers are big-endian, and a reader or writer that failed stays failed") {
  std::array<uint8_t, 15> buffer{};
  ByteWriter writer(buffer);
  writer.u8(1);
  writer.u16(0x0203);
  writer.u32(0x04050607);
  writer.u64(0x08090a0b0c0d0e0f);
  REQUIRE(writer.ok());
  for (size_t i = 0; i < buffer.size(); ++i) CHECK(buffer[i] == i + 1);
  writer.u8(1);
  CHECK(!writer.ok());
  CHECK(writer.size() == 15);

  ByteReader reader(buffer);
  CHECK(reader.u8() == 1);
  CHECK(reader.u16() == 0x0203);
  CHECK(reader.u32() == 0x04050607);
  CHECK(reader.remaining() == 8);
  CHECK(reader.take(9).empty());
  CHECK(!reader.ok());
  CHECK(reader.u8() == 0);
}

TEST_CASE("hex: both directions") {
  const std::string text = "00ff10aBcDeF0123456789aabbccddeeff001122";
  const auto hash = info_hash_from_hex(text);
  REQUIRE(hash);
  CHECK(to_hex(*hash) == "00ff10abcdef0123456789aabbccddeeff001122");
  CHECK(!info_hash_from_hex(text.substr(1)));
  CHECK(!info_hash_from_hex(text + "0"));
  CHECK(!info_hash_from_hex("g" + text.substr(1)));
}

TEST_CASE("siphash: the reference vector of the paper, appendix A") {
  SipKey key;
  std::array<uint8_t, 15> message;
  for (size_t i = 0; i < key.size(); ++i) key[i] = static_cast<uint8_t>(i);
  for (size_t i = 0; i < message.size(); ++i) message[i] = static_cast<uint8_t>(i);
  CHECK(siphash(key, message) == 0xa129ca6149be45e5);
}

TEST_CASE("siphash: the same as libsodium's for every length") {
  SipKey key;
  for (size_t i = 0; i < key.size(); ++i) key[i] = static_cast<uint8_t>(7 * i + 3);
  std::vector<uint8_t> message;
  for (size_t size = 0; size < 70; ++size) {
    uint64_t theirs;
    crypto_shorthash_siphash24(reinterpret_cast<uint8_t*>(&theirs), message.data(), size, key.data());
    CHECK(siphash(key, message) == theirs);
    message.push_back(static_cast<uint8_t>(size * 37));
  }
}
