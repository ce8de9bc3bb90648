#include "proto/accept_encoding.h"

#include <algorithm>

namespace shoal::proto {

namespace {

constexpr int kWeightMax = 1000;

std::string_view trimmed(std::string_view text) {
  const size_t first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

bool same_name(std::string_view text, std::string_view lower) {
  return std::equal(text.begin(), text.end(), lower.begin(), lower.end(), [](char a, char b) {
    return (a >= 'A' && a <= 'Z' ? static_cast<char>(a + ('a' - 'A')) : a) == b;
  });
}

// "q=0.5" in thousandths; nothing if it is not a weight.
std::optional<int> weight_of(std::string_view text) {
  if (text.size() < 3 || !same_name(text.substr(0, 2), "q=")) return std::nullopt;
  text.remove_prefix(2);
  if (text.front() != '0' && text.front() != '1') return std::nullopt;
  int weight = (text.front() - '0') * kWeightMax;
  text.remove_prefix(1);
  if (text.empty()) return weight;
  if (text.front() != '.' || text.size() > 4) return std::nullopt;
  int place = kWeightMax / 10;
  for (const char c : text.substr(1)) {
    if (c < '0' || c > '9') return std::nullopt;
    weight += (c - '0') * place;
    place /= 10;
  }
  return weight <= kWeightMax ? std::optional(weight) : std::nullopt;
}

// Removes and returns the text up to `separator` from the front of `rest`.
std::string_view take(std::string_view& rest, char separator) {
  const size_t end = std::min(rest.find(separator), rest.size());
  const std::string_view part = trimmed(rest.substr(0, end));
  rest.remove_prefix(std::min(end + 1, rest.size()));
  return part;
}

}  // namespace

std::string_view to_string(ContentCoding coding) {
  switch (coding) {
    case ContentCoding::identity:
      return "";
    case ContentCoding::gzip:
      return "gzip";
    case ContentCoding::zstd:
      return "zstd";
  }
  return "";
}

ContentCoding choose_coding(std::optional<std::string_view> accept_encoding) {
  if (!accept_encoding) return ContentCoding::identity;
  std::optional<int> gzip;
  std::optional<int> zstd;
  std::optional<int> identity;
  std::optional<int> others;
  std::string_view rest = *accept_encoding;
  while (!rest.empty()) {
    std::string_view element = take(rest, ',');
    const std::string_view name = take(element, ';');
    const auto weight = element.empty() ? std::optional(kWeightMax) : weight_of(element);
    if (!weight) continue;
    if (same_name(name, "gzip") || same_name(name, "x-gzip")) gzip = weight;
    if (same_name(name, "zstd")) zstd = weight;
    if (same_name(name, "identity")) identity = weight;
    if (name == "*") others = weight;
  }
  const int gzip_weight = gzip.value_or(others.value_or(0));
  const int zstd_weight = zstd.value_or(others.value_or(0));
  // Identity is always acceptable, but comes last unless it is named.
  const int identity_weight = identity.value_or(0);
  if (zstd_weight > 0 && zstd_weight >= gzip_weight && zstd_weight >= identity_weight)
    return ContentCoding::zstd;
  return gzip_weight > 0 && gzip_weight >= identity_weight ? ContentCoding::gzip : ContentCoding::identity;
}

}  // namespace shoal::proto
