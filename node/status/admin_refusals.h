// AdminRefusals: who was turned away from the admin endpoint, by reason, and when that deserves a log line:
// at the first, and at most once a minute while it goes on. Pure: times are arguments. Control thread.

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace shoal::node {

enum class AdminRefused : uint8_t {
  host,      // the request names a foreign host
  token,     // no token, or a wrong one
  address,   // not from this machine, and there is no token
  web_page,  // sent by a page in a browser
  proxy,     // through a proxy, and there is no token
};
constexpr size_t kAdminRefusals = 5;
constexpr std::array<std::string_view, kAdminRefusals> kAdminRefusalNames = {"host", "token", "address",
                                                                             "web_page", "proxy"};

class AdminRefusals {
 public:
  static constexpr int64_t kEveryMs = 60'000;
  using Counts = std::array<uint64_t, kAdminRefusals>;

  // How many were refused for this reason since the last line about it, this one included, if a line is due.
  std::optional<uint64_t> add(AdminRefused reason, int64_t mono_ms);

  // Since start, by AdminRefused.
  const Counts& counts() const { return counts_; }

 private:
  struct Told {
    uint64_t count = 0;
    std::optional<int64_t> at_ms;
  };
  Counts counts_{};
  std::array<Told, kAdminRefusals> told_{};
};

}  // namespace shoal::node
