#include "node/os/privileges.h"

#include <grp.h>
#include <pwd.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

namespace shoal::node {

using common::fail;

common::Result<void> drop_privileges(const std::string& user, const std::string& chroot_path) {
  // Look the user up before the root changes: the new root may have no /etc/passwd.
  passwd entry{};
  passwd* found = nullptr;
  std::array<char, 16384> buffer{};
  if (!user.empty()) {
    const int error = getpwnam_r(user.c_str(), &entry, buffer.data(), buffer.size(), &found);
    if (found == nullptr) {
      return fail("node.user: " + (error != 0 ? std::string(std::strerror(error)) : "no such user: " + user));
    }
    if (initgroups(user.c_str(), entry.pw_gid) != 0) {
      return fail("node.user: cannot set the groups of " + user + ": " + std::strerror(errno));
    }
  }
  if (!chroot_path.empty() && (::chroot(chroot_path.c_str()) != 0 || chdir("/") != 0)) {
    return fail("node.chroot: cannot enter " + chroot_path + ": " + std::strerror(errno));
  }
  if (found != nullptr) {
    if (setgid(entry.pw_gid) != 0 || setuid(entry.pw_uid) != 0) {
      return fail("node.user: cannot become " + user + ": " + std::strerror(errno));
    }
    if (entry.pw_uid != 0 && setuid(0) == 0)
      return fail("node.user: could still become root after changing to " + user);
  }
  return {};
}

}  // namespace shoal::node
