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

std::string duration_text(double us) {
  if (us >= 119.5e6) return seconds_text(static_cast<uint64_t>(std::llround(us / 1e6)));
  const double ms = us / 1000;
  char text[32];
  if (ms >= 999.5) {
    std::snprintf(text, sizeof text, "%.1f s", ms / 1000);
  } else if (us >= 999.5) {
    std::snprintf(text, sizeof text, "%.*f ms", ms < 99.95 ? 1 : 0, ms);
  } else {
    std::snprintf(text, sizeof text, "%.0f µs", us);
  }
  return text;
}

std::string signed_duration_text(int64_t ms) {
  if (ms == 0) return "0 ms";
  const auto size = static_cast<double>(ms < 0 ? -static_cast<double>(ms) : static_cast<double>(ms));
  const std::string sign = ms < 0 ? "-" : "+";
  if (size < 1000) return sign + std::to_string(static_cast<int64_t>(size)) + " ms";
  return sign + duration_text(size * 1000);
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

std::string byte_rate_text(double bytes_per_s) {
  const std::string text = amount_text(bytes_per_s);
  return text + (text.find(' ') == std::string::npos ? " B/s" : "B/s");
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
