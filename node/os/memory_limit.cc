#include "node/os/memory_limit.h"

#include <sys/resource.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <sstream>
#include <string_view>
#include <vector>

#include "node/os/cgroup.h"
#include "node/os/files.h"

namespace shoal::node {

namespace {

constexpr size_t kMemInfoBytesMax = 64 * 1024;
constexpr uint64_t kOf32Bits = uint64_t{2} << 30;

// "max", 0 and whatever is no number limit nothing.
std::optional<uint64_t> memory_bytes_in(std::string_view text) {
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value == 0) return std::nullopt;
  return value;
}

void lower_limit(MemoryLimit& limit, uint64_t bytes, std::string_view from) {
  if (limit.bytes == 0 || bytes < limit.bytes) limit = {bytes, std::string(from)};
}

void lower_limit(MemoryLimit& limit, const std::vector<std::string>& values, std::string_view file) {
  for (const std::string& value : values) {
    if (const auto bytes = memory_bytes_in(value)) lower_limit(limit, *bytes, "cgroup " + std::string(file));
  }
}

std::optional<uint64_t> machine_memory_bytes(const std::string& root) {
  std::istringstream lines(read_file(root + "/proc/meminfo", kMemInfoBytesMax).value_or(""));
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string name;
    std::string number;
    std::string unit;
    words >> name >> number >> unit;
    if (name != "MemTotal:" || unit != "kB") continue;
    const auto kib = memory_bytes_in(number);
    if (kib && *kib <= UINT64_MAX / 1024) return *kib * 1024;
  }
  return std::nullopt;
}

}  // namespace

uint64_t address_space_bytes() {
  uint64_t bytes = sizeof(void*) == 4 ? kOf32Bits : UINT64_MAX;
  for (const auto resource : {RLIMIT_AS, RLIMIT_DATA}) {
    rlimit limit{};
    if (getrlimit(resource, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY)
      bytes = std::min<uint64_t>(bytes, limit.rlim_cur);
  }
  return bytes;
}

MemoryLimit memory_limit(const std::string& root, uint64_t address_space) {
  MemoryLimit limit;
  if (const auto bytes = machine_memory_bytes(root)) lower_limit(limit, *bytes, "machine");
  for (const char* file : {"memory.max", "memory.high"})
    lower_limit(limit, cgroup_v2_values(root, file), file);
  constexpr const char* kV1File = "memory.limit_in_bytes";
  lower_limit(limit, cgroup_v1_values(root, "memory", kV1File), kV1File);
  if (address_space != UINT64_MAX) lower_limit(limit, address_space, "address space");
  return limit;
}

}  // namespace shoal::node
