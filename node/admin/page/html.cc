#include "node/admin/page/html.h"

#include <algorithm>

#include "common/check.h"
#include "node/text/printable.h"

namespace shoal::node {

namespace {

std::string escaped(std::string_view ascii) {
  std::string out;
  for (const char c : ascii) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

}  // namespace

std::string html_text(std::string_view text, size_t bytes_max) { return escaped(printable(text, bytes_max)); }

std::string html_label(std::string_view text, size_t characters_max) {
  const std::string all = printable(text, characters_max + 1);
  if (all.size() <= characters_max) return escaped(all);
  return escaped(std::string_view(all).substr(0, characters_max - 1)) + "…";
}

std::string html_cell(std::string_view html, std::string_view kinds) {
  std::string out = "<td";
  if (!kinds.empty()) out.append(" class=\"").append(kinds).append("\"");
  return out.append(">").append(html).append("</td>");
}

std::string filled(std::string_view html,
                   const std::vector<std::pair<std::string_view, std::string>>& values) {
  std::string out;
  for (size_t at = html.find("{{"); at != std::string_view::npos; at = html.find("{{")) {
    const size_t end = html.find("}}", at);
    CHECK_INVARIANT(end != std::string_view::npos);
    const std::string_view name = html.substr(at + 2, end - at - 2);
    const auto value =
        std::find_if(values.begin(), values.end(), [&](const auto& row) { return row.first == name; });
    CHECK_INVARIANT(value != values.end());
    out += html.substr(0, at);
    out += value->second;
    html.remove_prefix(end + 2);
  }
  return out += html;
}

}  // namespace shoal::node
