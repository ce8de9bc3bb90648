// Amounts for people to read at a glance. Pure.

#pragma once

#include <cstdint>
#include <string>

namespace shoal::node {

// "42 s", "3 min", "5 h", "12 d".
std::string seconds_text(uint64_t seconds);

// Few digits: "0", "0.4", "12", "950", "12.3 k", "4.57 M", "123 G".
std::string amount_text(double amount);

// A share: "0 %", "0.3 %", "2 %", "12.5 %".
std::string permille_text(uint64_t permille);

// "1,234,567".
std::string grouped_text(uint64_t number);

}  // namespace shoal::node
