#include "common/log.h"

#include <doctest/doctest.h>

using namespace shoal::common;

TEST_CASE("log: text and json lines, with hostile values escaped") {
  const LogField plain[] = {{"name", "a"}, {"why", "x y\n\"z\""}};
  CHECK(format_log_line(LogFormat::text, "T", LogLevel::info, "node started", plain) ==
        "T info node started name=a why=\"x y\\u000a\\\"z\\\"\"");
  const LogField hostile[] = {{"k", "a\"\x01\\"}, {"e", ""}};
  CHECK(format_log_line(LogFormat::json, "T", LogLevel::warn, "m", hostile) ==
        "{\"time\":\"T\",\"level\":\"warn\",\"message\":\"m\",\"k\":\"a\\\"\\u0001\\\\\",\"e\":\"\"}");
  CHECK(log_level_from("warn") == LogLevel::warn);
  CHECK(!log_level_from("loud"));
}
