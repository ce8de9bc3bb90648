#include "node/status/admin_refusals.h"

namespace shoal::node {

std::optional<uint64_t> AdminRefusals::add(AdminRefused reason, int64_t mono_ms) {
  const auto index = static_cast<size_t>(reason);
  const uint64_t count = ++counts_[index];
  Told& told = told_[index];
  if (told.at_ms && mono_ms - *told.at_ms < kEveryMs) return std::nullopt;
  const uint64_t since = count - told.count;
  told = {count, mono_ms};
  return since;
}

}  // namespace shoal::node
