#include "node/text/amount_text.h"

#include <doctest/doctest.h>

using namespace shoal;

TEST_CASE("amount text: amounts are rounded to three digits") {
  CHECK(node::amount_text(0) == "0");
  CHECK(node::amount_text(0.4) == "0.4");
  CHECK(node::amount_text(12.34) == "12.3");
  CHECK(node::amount_text(12) == "12");
  CHECK(node::amount_text(950) == "950");
  CHECK(node::amount_text(999.9) == "1.00 k");
  CHECK(node::amount_text(123'456) == "123 k");
  CHECK(node::amount_text(4.56e9) == "4.56 G");
  CHECK(node::permille_text(0) == "0 %");
  CHECK(node::permille_text(3) == "0.3 %");
  CHECK(node::permille_text(20) == "2 %");
  CHECK(node::permille_text(1000) == "100 %");
  CHECK(node::grouped_text(0) == "0");
  CHECK(node::grouped_text(999) == "999");
  CHECK(node::grouped_text(1000) == "1,000");
  CHECK(node::grouped_text(UINT64_MAX) == "18,446,744,073,709,551,615");
  CHECK(node::byte_rate_text(294) == "294 B/s");
  CHECK(node::byte_rate_text(1'430) == "1.43 kB/s");
}

TEST_CASE("amount text: times") {
  CHECK(node::seconds_text(119) == "119 s");
  CHECK(node::seconds_text(200'000) == "2 d");
  CHECK(node::duration_text(0) == "0 µs");
  CHECK(node::duration_text(8.2) == "8 µs");
  CHECK(node::duration_text(999.4) == "999 µs");
  CHECK(node::duration_text(999.6) == "1.0 ms");
  CHECK(node::duration_text(1'500) == "1.5 ms");
  CHECK(node::duration_text(99'960) == "100 ms");
  CHECK(node::duration_text(999'600) == "1.0 s");
  CHECK(node::duration_text(30e6) == "30.0 s");
  CHECK(node::duration_text(119.6e6) == "2 min");
  CHECK(node::duration_text(7200e6) == "2 h");
}

TEST_CASE("amount text: differences have a sign") {
  CHECK(node::signed_duration_text(0) == "0 ms");
  CHECK(node::signed_duration_text(3) == "+3 ms");
  CHECK(node::signed_duration_text(-250) == "-250 ms");
  CHECK(node::signed_duration_text(1'500) == "+1.5 s");
  CHECK(node::signed_duration_text(-7'200'000) == "-2 h");
  CHECK(node::signed_duration_text(INT64_MIN)[0] == '-');
}
