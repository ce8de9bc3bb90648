// Columns for a terminal. Pure.

#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace shoal::node {

// How a text looks where colours are shown.
enum class Tone : uint8_t { plain, title, good, warning, bad };

// `text` with the escape sequences of its tone (ECMA-48) around it, if `colour`.
std::string toned(std::string_view text, Tone tone, bool colour);

struct TextCell {
  // Not explicit: most cells are plain text.
  TextCell(std::string text_given, Tone tone_given = Tone::plain)
      : text(std::move(text_given)), tone(tone_given) {}
  TextCell(const char* text_given) : text(text_given) {}

  std::string text;
  Tone tone = Tone::plain;
};

using TextRow = std::vector<TextCell>;

constexpr size_t kTableWidthMax = 100;

// Two spaces between columns, none at the end of a line. The first row has the titles; every row has as many
// cells. Lines longer than kTableWidthMax are made to fit: cells of the widest columns are shortened.
std::string text_table(const std::vector<TextRow>& rows, bool colour);

// `text`, or its beginning and end with ".." between them, in `size_max` bytes.
std::string shortened(std::string_view text, size_t size_max);

}  // namespace shoal::node
