// Amounts for people to read at a glance. Pure.

#pragma once

#include <cstdint>
#include <string>

namespace shoal::node {

// "42 s", "3 min", "5 h", "12 d".
std::string seconds_text(uint64_t seconds);

// Two or three digits that count: "0", "0.40", "950", "12.3 k", "4.6 M", "123 G".
std::string amount_text(double amount);

// "1,234,567".
std::string grouped_text(uint64_t number);

}  // namespace shoal::node
