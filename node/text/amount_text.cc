#include "node/text/amount_text.h"

#include <cmath>
#include <cstdio>

namespace shoal::node {

std::string seconds_text(uint64_t seconds) {
  if (seconds < 120) return std::to_string(seconds) + " s";
  if (seconds < 7200) return std::to_string(seconds / 60) + " min";
  if (seconds < 172800) return std::to_string(seconds / 3600) + " h";
  return std::to_string(seconds / 86400) + " d";
}

std::string amount_text(double amount) {
  const char* unit = "";
  for (const char* next : {" k", " M", " G", " T"}) {
    if (amount < 999.5) break;
    amount /= 1000;
    unit = next;
  }
  const bool small = unit[0] == '\0';
  const bool whole = small && amount == std::floor(amount);
  const int digits = whole ? 0 : amount < 9.995 && !small ? 2 : amount < 99.95 ? 1 : 0;
  char text[32];
  std::snprintf(text, sizeof text, "%.*f", digits, amount);
  return std::string(text) + unit;
}

std::string permille_text(uint64_t permille) {
  const std::string tenths = permille % 10 == 0 ? "" : "." + std::to_string(permille % 10);
  return std::to_string(permille / 10) + tenths + " %";
}

std::string grouped_text(uint64_t number) {
  std::string text = std::to_string(number);
  for (size_t at = text.size(); at > 3;) text.insert(at -= 3, 1, ',');
  return text;
}

}  // namespace shoal::node
