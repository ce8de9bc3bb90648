// Amounts for people to read at a glance. Pure.

#pragma once

#include <cstdint>
#include <string>

namespace shoal::node {

// "42 s", "3 min", "5 h", "12 d".
std::string seconds_text(uint64_t seconds);

// "8 µs", "1.5 ms", "250 ms", "1.5 s", then as seconds_text(). UTF-8.
std::string duration_text(double us);

// A difference with its sign, of whole milliseconds below a second: "0 ms", "+3 ms", "-250 ms", "+1.5 s", "-2
// h".
std::string signed_duration_text(int64_t ms);

// Few digits: "0", "0.4", "12", "950", "12.3 k", "4.57 M", "123 G".
std::string amount_text(double amount);

// "294 B/s", "1.43 kB/s".
std::string byte_rate_text(double bytes_per_s);

// A share: "0 %", "0.3 %", "2 %", "12.5 %".
std::string permille_text(uint64_t permille);

// "1,234,567".
std::string grouped_text(uint64_t number);

}  // namespace shoal::node
