#include "node/xdp/libbpf_words.h"

#include <bpf/libbpf.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdarg>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>

namespace shoal::node {

namespace {

constexpr uint64_t kCapNetAdmin = uint64_t{1} << 12;
constexpr uint64_t kCapSysAdmin = uint64_t{1} << 21;
constexpr uint64_t kCapBpf = uint64_t{1} << 39;
constexpr size_t kSaidMax = 1 << 20;

std::string said;
libbpf_print_fn_t said_before = nullptr;

[[gnu::format(printf, 2, 0)]] int keep_words(libbpf_print_level level, const char* format,
                                             va_list arguments) {
  if (level == LIBBPF_DEBUG || said.size() > kSaidMax) return 0;
  const size_t at = said.size();
  said.resize(at + kSaidMax);
  const int size = std::vsnprintf(said.data() + at, kSaidMax, format, arguments);
  said.resize(at + std::min(static_cast<size_t>(std::max(size, 0)), kSaidMax - 1));
  return 0;
}

uint64_t effective_capabilities() {
  std::ifstream status("/proc/self/status");
  std::string line;
  while (std::getline(status, line)) {
    if (line.starts_with("CapEff:")) return std::strtoull(line.c_str() + 7, nullptr, 16);
  }
  return 0;
}

std::string kernel_release() {
  utsname name;
  return uname(&name) == 0 ? name.release : "of an unknown version";
}

// Before 6.1: such are not tested, and before 5.19 a process without privileges cannot read its maps.
bool is_old_kernel(const std::string& release) {
  unsigned major = 0;
  unsigned minor = 0;
  if (std::sscanf(release.c_str(), "%u.%u", &major, &minor) != 2) return false;
  return major < 6 || (major == 6 && minor < 1);
}

}  // namespace

LibbpfWords::LibbpfWords() {
  said.clear();
  said_before = libbpf_set_print(keep_words);
}

LibbpfWords::~LibbpfWords() {
  libbpf_set_print(said_before);
  said.clear();
  said.shrink_to_fit();
}

std::string LibbpfWords::after(std::string_view mark) const {
  const size_t at = said.rfind(mark);
  if (at == std::string::npos) return {};
  const size_t from = at + mark.size();
  return said.substr(from, said.find('\n', from) - from);
}

std::string LibbpfWords::verdict() const {
  const size_t end = said.find("\nprocessed ");
  if (end == std::string::npos || end == 0) return {};
  const size_t before = said.rfind('\n', end - 1);
  const size_t from = before == std::string::npos ? 0 : before + 1;
  return said.substr(from, end - from);
}

std::string missing_capabilities() {
  const uint64_t have = effective_capabilities();
  std::string missing;
  if ((have & kCapNetAdmin) == 0) missing = "CAP_NET_ADMIN";
  if ((have & (kCapBpf | kCapSysAdmin)) == 0) missing += missing.empty() ? "CAP_BPF" : " and CAP_BPF";
  return missing;
}

std::string why_too_old() {
  const std::string release = kernel_release();
  return is_old_kernel(release) ? "Linux " + release + " is too old: XDP takes 6.1" : "";
}

std::string why_not_loaded(int error, const LibbpfWords& words) {
  const std::string missing = missing_capabilities();
  if ((error == EPERM || error == EACCES) && !missing.empty()) return "no privilege: shoal lacks " + missing;
  const std::string release = kernel_release();
  if (error == EPERM)
    return "the kernel refuses BPF although shoal has the privileges (lockdown, or a container's rules)";
  if (error == ENOSYS) return "this kernel has no BPF";
  if (error == ENOMEM) return "no memory for XDP's tables";
  if (access("/sys/kernel/btf/vmlinux", F_OK) != 0)
    return "Linux " + release + " was built without BTF (CONFIG_DEBUG_INFO_BTF)";
  const std::string verdict = words.verdict();
  return "Linux " + release + " does not take the program: " + std::strerror(error) +
         (verdict.empty() ? "" : ": " + verdict);
}

}  // namespace shoal::node
