#include "node/text/text_table.h"

#include <algorithm>

namespace shoal::node {

namespace {

constexpr size_t kGap = 2;

// Columns are not made narrower than that.
constexpr size_t kColumnWidthMin = 6;

constexpr std::string_view kCut = "..";

std::string_view sequence_of(Tone tone) {
  switch (tone) {
    case Tone::plain:
      return "";
    case Tone::title:
      return "\x1b[1m";
    case Tone::good:
      return "\x1b[32m";
    case Tone::warning:
      return "\x1b[33m";
    case Tone::bad:
      return "\x1b[1;31m";
  }
  return "";
}

std::vector<size_t> widths_of(const std::vector<TextRow>& rows) {
  std::vector<size_t> widths(rows.front().size(), 0);
  size_t line = kGap * (widths.size() - std::min<size_t>(widths.size(), 1));
  for (size_t i = 0; i < widths.size(); ++i) {
    for (const TextRow& row : rows) widths[i] = std::max(widths[i], row[i].text.size());
    line += widths[i];
  }
  for (; line > kTableWidthMax; --line) {
    const auto widest = std::max_element(widths.begin(), widths.end());
    if (*widest <= kColumnWidthMin) break;
    --*widest;
  }
  return widths;
}

}  // namespace

std::string toned(std::string_view text, Tone tone, bool colour) {
  const std::string_view sequence = colour && !text.empty() ? sequence_of(tone) : "";
  if (sequence.empty()) return std::string(text);
  return std::string(sequence) + std::string(text) + "\x1b[0m";
}

std::string text_table(const std::vector<TextRow>& rows, bool colour) {
  if (rows.empty()) return "";
  const std::vector<size_t> widths = widths_of(rows);
  std::string out;
  for (const TextRow& row : rows) {
    size_t spaces = 0;  // before the next cell that is not empty
    for (size_t i = 0; i < widths.size(); ++i) {
      const std::string text = shortened(row[i].text, widths[i]);
      const Tone tone = &row == &rows.front() ? Tone::title : row[i].tone;
      if (!text.empty()) out += std::string(spaces, ' ') + toned(text, tone, colour);
      spaces = (text.empty() ? spaces : 0) + widths[i] - text.size() + kGap;
    }
    out += '\n';
  }
  return out;
}

std::string shortened(std::string_view text, size_t size_max) {
  if (text.size() <= size_max) return std::string(text);
  if (size_max <= kCut.size()) return std::string(text.substr(0, size_max));
  const size_t kept = size_max - kCut.size();
  const size_t end = kept / 2;
  return std::string(text.substr(0, kept - end)) + std::string(kCut) +
         std::string(text.substr(text.size() - end));
}

}  // namespace shoal::node
