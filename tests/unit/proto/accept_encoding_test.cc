#include "proto/accept_encoding.h"

#include <doctest/doctest.h>

#include <string>
#include <utility>

using namespace shoal::proto;

TEST_CASE("accept encoding: of the codings we have, the one with the highest weight") {
  const std::pair<const char*, ContentCoding> cases[] = {
      {"", ContentCoding::identity},
      {"gzip", ContentCoding::gzip},
      {"GZip", ContentCoding::gzip},
      {"x-gzip", ContentCoding::gzip},
      {"zstd", ContentCoding::zstd},
      {"gzip, deflate, br, zstd", ContentCoding::zstd},
      {"gzip;q=1.0, zstd;q=0.5", ContentCoding::gzip},
      {"zstd;q=0, gzip;q=0.001", ContentCoding::gzip},
      {"gzip;q=0", ContentCoding::identity},
      {"gzip ; q=0.000", ContentCoding::identity},
      {"*", ContentCoding::zstd},
      {"*;q=0.1, zstd;q=0", ContentCoding::gzip},
      {"*;q=0", ContentCoding::identity},
      {"identity", ContentCoding::identity},
      {"identity;q=0.5, gzip;q=0.4", ContentCoding::identity},
      {"identity;q=0.5, gzip;q=0.6", ContentCoding::gzip},
      {"deflate, br", ContentCoding::identity},
      {"gzip;q=2", ContentCoding::identity},
      {"gzip;q=1.001", ContentCoding::identity},
      {"gzip;q=0.1234", ContentCoding::identity},
      {"gzip;q=.5", ContentCoding::identity},
      {"gzip;q=", ContentCoding::identity},
      {"gzip;x=1", ContentCoding::identity},
      {",, ;;, gzip ,", ContentCoding::gzip},
      {"gzipzstd", ContentCoding::identity},
  };
  for (const auto& [value, coding] : cases) {
    CAPTURE(value);
    CHECK(choose_coding(value) == coding);
  }
  CHECK(choose_coding(std::nullopt) == ContentCoding::identity);
}
