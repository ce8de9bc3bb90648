#include "node/admin/page/html.h"

#include <algorithm>

#include "common/check.h"
#include "node/text/printable.h"

namespace shoal::node {

std::string html_text(std::string_view text, size_t bytes_max) {
  std::string out;
  for (const char c : printable(text, bytes_max)) {
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
