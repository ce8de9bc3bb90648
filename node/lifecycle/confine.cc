#include "node/lifecycle/confine.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <optional>

#include "node/lifecycle/call_filter.h"
#include "node/os/file_descriptor.h"
#include "node/os/privileges.h"

// Of later kernels than Debian 12's headers.
#ifndef LANDLOCK_ACCESS_FS_REFER
#define LANDLOCK_ACCESS_FS_REFER (1ULL << 13)
#endif
#ifndef LANDLOCK_ACCESS_FS_TRUNCATE
#define LANDLOCK_ACCESS_FS_TRUNCATE (1ULL << 14)
#endif

namespace shoal::node {

namespace {

constexpr const char* kYes = "yes";

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kSanitized = true;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
constexpr bool kSanitized = true;
#else
constexpr bool kSanitized = false;
#endif
#else
constexpr bool kSanitized = false;
#endif

std::string because(int error) { return std::string("no: ") + std::strerror(error); }

// To read what a reload names, whoever owns it, and to bind again what was bound at start.
constexpr int kKeptCapabilities[] = {CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH, CAP_NET_BIND_SERVICE};

std::string drop_capabilities() {
  empty_bounding_set();
  (void)prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
  __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3> sets{};
  if (syscall(SYS_capget, &header, sets.data()) != 0) return because(errno);
  std::array<uint32_t, _LINUX_CAPABILITY_U32S_3> kept{};
  for (const int capability : kKeptCapabilities) kept[CAP_TO_INDEX(capability)] |= CAP_TO_MASK(capability);
  for (size_t i = 0; i < sets.size(); ++i) {
    sets[i].permitted &= kept[i];
    sets[i].effective = sets[i].permitted;
    sets[i].inheritable = 0;
  }
  return syscall(SYS_capset, &header, sets.data()) == 0 ? kYes : because(errno);
}

std::string filter_calls(bool shield) {
  if (kSanitized) return "no: built with a sanitizer";
  std::vector<sock_filter> rules = call_filter(shield);
  if (rules.empty()) return "no: not known for this kind of processor";
  const sock_fprog program{.len = static_cast<unsigned short>(rules.size()), .filter = rules.data()};
  // SPEC_ALLOW: a filter is no reason to slow the process down for Spectre's sake.
  for (const unsigned long flags : {SECCOMP_FILTER_FLAG_TSYNC | SECCOMP_FILTER_FLAG_SPEC_ALLOW, 0UL}) {
    if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program) == 0) return kYes;
    if (errno != EINVAL) break;
  }
  return because(errno);
}

// The real paths of the folders that may be written; none: any.
std::optional<std::vector<std::string>>& guarded() {
  static std::optional<std::vector<std::string>> folders;
  return folders;
}

std::string real_path(const std::string& path) {
  const std::unique_ptr<char, void (*)(void*)> found(realpath(path.c_str(), nullptr), std::free);
  return found ? found.get() : "";
}

std::string guard_files(const std::vector<std::string>& written_folders) {
  const long version =
      syscall(SYS_landlock_create_ruleset, nullptr, size_t{0}, LANDLOCK_CREATE_RULESET_VERSION);
  if (version < 1)
    return errno == EOPNOTSUPP ? "no: Landlock is turned off" : "no: the kernel has no Landlock";
  constexpr uint64_t kInside = LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_FILE |
                               LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_FIFO;
  constexpr uint64_t kNowhere = LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_REMOVE_DIR |
                                LANDLOCK_ACCESS_FS_MAKE_CHAR | LANDLOCK_ACCESS_FS_MAKE_DIR |
                                LANDLOCK_ACCESS_FS_MAKE_SOCK | LANDLOCK_ACCESS_FS_MAKE_BLOCK |
                                LANDLOCK_ACCESS_FS_MAKE_SYM;
  // Before version 2 no file moves to another folder anyway.
  const uint64_t later =
      (version >= 2 ? LANDLOCK_ACCESS_FS_REFER : 0) | (version >= 3 ? LANDLOCK_ACCESS_FS_TRUNCATE : 0);
  landlock_ruleset_attr handled{};  // newer headers have more fields than this one
  handled.handled_access_fs = kInside | kNowhere | later;
  const FileDescriptor rules(
      static_cast<int>(syscall(SYS_landlock_create_ruleset, &handled, sizeof handled, 0)));
  if (!rules.is_open()) return because(errno);
  std::vector<std::string> folders;
  for (const std::string& folder : written_folders) {
    const FileDescriptor opened(open(folder.c_str(), O_PATH | O_CLOEXEC));
    if (!opened.is_open()) continue;  // nothing could be written there before either
    const landlock_path_beneath_attr beneath{.allowed_access = kInside | later, .parent_fd = opened.get()};
    if (syscall(SYS_landlock_add_rule, rules.get(), LANDLOCK_RULE_PATH_BENEATH, &beneath, 0) != 0)
      return because(errno);
    folders.push_back(real_path(folder));
  }
  if (syscall(SYS_landlock_restrict_self, rules.get(), 0) != 0) return because(errno);
  guarded() = std::move(folders);
  return kYes;
}

}  // namespace

Confinement confine(const ConfineSettings& settings) {
  Confinement holds;
  holds.capabilities = drop_capabilities();
  holds.no_new_rights = prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 ? kYes : because(errno);
  holds.files = settings.guard_files ? guard_files(settings.written_folders) : "no: turned off";
  holds.calls = settings.filter_calls ? filter_calls(settings.shield) : "no: turned off";
  return holds;
}

bool may_write_into(const std::string& folder) {
  if (!guarded()) return true;
  const std::string real = real_path(folder);
  return std::any_of(guarded()->begin(), guarded()->end(), [&](const std::string& allowed) {
    return real == allowed || allowed == "/" || real.starts_with(allowed + "/");
  });
}

}  // namespace shoal::node
