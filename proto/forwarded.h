// The hops of a request as proxies report them: X-Forwarded-For and headers of its form, and Forwarded (RFC
// 7239). A client can forge everything but what trusted proxies added at the end, so anything ambiguous
// counts as an unknown hop. No allocation; views into the request. Any thread.

#pragma once

#include <array>
#include <optional>
#include <string_view>

#include "common/endpoint.h"
#include "proto/http_request.h"

namespace shoal::proto {

// Texts of hops; if there are too many, those nearest to us.
class Hops {
 public:
  static constexpr size_t kMax = 64;

  size_t size() const { return count_ < kMax ? count_ : kMax; }
  // 0 is the nearest: the hop added last.
  std::string_view operator[](size_t index) const { return texts_[(count_ - 1 - index) % kMax]; }

  void add(std::string_view text) { texts_[count_++ % kMax] = text; }

 private:
  std::array<std::string_view, kMax> texts_;
  size_t count_ = 0;
};

// From all headers of that name, in order: values separated by commas; for "Forwarded", the `for` parameters
// of its elements. An element that is malformed or has none is a hop with an empty text.
Hops read_hops(const HttpRequest& request, std::string_view header);

// "192.0.2.1", "192.0.2.1:80", "2001:db8::1", "[2001:db8::1]" or "[2001:db8::1]:80"; the port of the result
// is 0. Nothing: not an address ("unknown", "_hidden", "", a name).
std::optional<common::Endpoint> parse_hop(std::string_view text);

}  // namespace shoal::proto
