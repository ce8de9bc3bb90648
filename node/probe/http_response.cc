#include "node/probe/http_response.h"

#include <algorithm>

#include "common/text.h"
#include "node/config/option_values.h"
#include "node/text/printable.h"

namespace shoal::node {

namespace {

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

// Removes the first line from `text` and returns it without its end.
std::string_view take_line(std::string_view& text) {
  const size_t end = std::min(text.find('\n'), text.size());
  const std::string_view line = common::trim_line(text.substr(0, end));
  text.remove_prefix(std::min(text.size(), end + 1));
  return line;
}

}  // namespace

common::Result<bool> HttpReplyParser::feed(std::string_view bytes) {
  buffer_.append(bytes.substr(0, kHttpReplyHeadMax + kHttpReplyBodyMax + 1 - buffer_.size()));
  if (!in_body_) {
    const size_t end = buffer_.find("\r\n\r\n");
    if (std::min(end, buffer_.size()) > kHttpReplyHeadMax)
      return common::fail("the answer's header is too long");
    if (end == std::string::npos) return false;
    if (auto head = parse_head(std::string_view(buffer_).substr(0, end)); !head) {
      return tl::make_unexpected(head.error());
    }
    buffer_.erase(0, end + 4);
    in_body_ = true;
  }
  if (buffer_.size() > kHttpReplyBodyMax) return common::fail("the answer is too long");
  return length_ && buffer_.size() >= *length_;
}

common::Result<HttpResponse> HttpReplyParser::finish() {
  if (!in_body_)
    return common::fail(buffer_.empty() ? "closed without an answer" : "closed in the answer's header");
  if (length_ && buffer_.size() < *length_) return common::fail("closed in the answer's body");
  if (length_) buffer_.resize(*length_);
  return HttpResponse{status_, std::move(buffer_)};
}

common::Result<void> HttpReplyParser::parse_head(std::string_view head) {
  const std::string_view status_line = take_line(head);
  const auto status = parse_whole(status_line.substr(std::min<size_t>(9, status_line.size()), 3), 100, 599);
  const bool http = status_line.starts_with("HTTP/1.0 ") || status_line.starts_with("HTTP/1.1 ");
  if (!http || !status || (status_line.size() > 12 && status_line[12] != ' ')) {
    return common::fail("the answer is not HTTP: \"" + printable(status_line, 60) + "\"");
  }
  status_ = static_cast<int>(*status);
  while (!head.empty()) {
    const std::string_view line = take_line(head);
    const size_t colon = std::min(line.find(':'), line.size());
    const std::string name = lower(common::trim_line(line.substr(0, colon)));
    const std::string_view value = common::trim_line(line.substr(std::min(colon + 1, line.size())));
    if (name == "transfer-encoding")
      return common::fail("the answer has a transfer encoding, which is not supported");
    if (name != "content-length") continue;
    const auto length = parse_whole(value, 0, kHttpReplyBodyMax);
    if (!length || (length_ && *length_ != *length)) {
      return common::fail("the answer has a bad Content-Length: \"" + printable(value, 20) + "\"");
    }
    length_ = *length;
  }
  return {};
}

}  // namespace shoal::node
