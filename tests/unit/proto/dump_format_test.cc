#include "proto/dump_format.h"

#include <doctest/doctest.h>

#include <vector>

#include "proto/bencode.h"

using namespace shoal;
using namespace shoal::proto;

namespace {

// 00 01 02 ... 13, and the characters that a URL keeps.
ScrapedSwarm numbered() {
  ScrapedSwarm swarm{{}, {3, 70000, 12}};
  for (uint8_t i = 0; i < 20; ++i) swarm.info_hash.bytes[i] = i;
  return swarm;
}

ScrapedSwarm highest() {
  ScrapedSwarm swarm{{}, {UINT32_MAX, UINT32_MAX, UINT32_MAX}};
  swarm.info_hash.bytes.fill(0xff);
  swarm.info_hash.bytes[0] = '~';
  return swarm;
}

std::string dump(DumpFormat format, const std::vector<ScrapedSwarm>& swarms) {
  std::string out;
  append_dump_head(out, format);
  for (const ScrapedSwarm& swarm : swarms) append_dump_swarm(out, format, swarm, 29'000'000);
  append_dump_end(out, format);
  return out;
}

}  // namespace

TEST_CASE("dump format: text, as opentracker writes it") {
  CHECK(dump(DumpFormat::text, {numbered(), highest()}) ==
        "000102030405060708090A0B0C0D0E0F10111213:3:70000\n"
        "7EFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF:4294967295:4294967295\n");
  CHECK(dump(DumpFormat::text_completed, {numbered()}) ==
        "000102030405060708090A0B0C0D0E0F10111213:3:70000:12\n");
  CHECK(dump(DumpFormat::state, {numbered()}) == "000102030405060708090A0B0C0D0E0F10111213:29000000:12\n");
  CHECK(dump(DumpFormat::url, {numbered(), highest()}) ==
        "%00%01%02%03%04%05%06%07%08%09%0a%0b%0c%0d%0e%0f%10%11%12%13:3:70000\n"
        "~%ff%ff%ff%ff%ff%ff%ff%ff%ff%ff%ff%ff%ff%ff%ff%ff%ff%ff%ff:4294967295:4294967295\n");
  CHECK(dump(DumpFormat::text, {}).empty());
}

TEST_CASE("dump format: binary is 20 + 4 + 4 bytes, big-endian") {
  const std::string out = dump(DumpFormat::binary, {numbered(), highest()});
  REQUIRE(out.size() == 56);
  CHECK(out.substr(20, 8) == std::string("\0\0\0\3\0\1\x11\x70", 8));
  CHECK(out.substr(48) == std::string(8, '\xff'));
}

TEST_CASE("dump format: JSON lines") {
  CHECK(dump(DumpFormat::json, {numbered()}) ==
        "{\"info_hash\":\"000102030405060708090a0b0c0d0e0f10111213\",\"seeders\":3,\"leechers\":70000,"
        "\"completed\":12}\n");
}

TEST_CASE("dump format: bencoded is canonical, even when empty") {
  const std::string empty = dump(DumpFormat::bencode, {});
  CHECK(empty == "d5:filesdee");
  const std::string out = dump(DumpFormat::bencode, {numbered(), highest()});
  const auto value = parse_bencode(out);
  REQUIRE(value);
  const auto files = value->find("files");
  REQUIRE(files);
  const ScrapedSwarm swarm = numbered();
  const auto* hash = reinterpret_cast<const char*>(swarm.info_hash.bytes.data());
  const auto entry = files->find({hash, 20});
  REQUIRE(entry);
  CHECK(entry->find("complete")->integer() == 3);
  CHECK(entry->find("incomplete")->integer() == 70000);
  CHECK(entry->find("downloaded")->integer() == 12);
}

TEST_CASE("dump format: names") {
  CHECK(dump_format_from("ben") == DumpFormat::bencode);
  CHECK(dump_format_from("txt") == DumpFormat::text);
  CHECK(dump_format_from("txtp") == DumpFormat::text_completed);
  CHECK(dump_format_from("bin") == DumpFormat::binary);
  CHECK(dump_format_from("url") == DumpFormat::url);
  CHECK(dump_format_from("json") == DumpFormat::json);
  for (const char* name : {"", "TXT", "txt ", "state"}) CHECK(!dump_format_from(name));
}
