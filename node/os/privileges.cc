#include "node/os/privileges.h"

#include <grp.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <string>

namespace shoal::node {

using common::fail;

namespace {

// What the system says of a user.
struct User {
  passwd entry{};
  bool found = false;
  int error = 0;  // if it could not be looked up
};

User look_up(const std::string& name) {
  User user;
  passwd* found = nullptr;
  std::array<char, 16384> buffer{};
  user.error = getpwnam_r(name.c_str(), &user.entry, buffer.data(), buffer.size(), &found);
  user.found = found != nullptr;
  return user;
}

// The reason in errno; only root may do these things.
std::string reason() {
  const int error = errno;
  return std::strerror(error) + std::string(error == EPERM ? ": this needs a start as root" : "");
}

}  // namespace

void empty_bounding_set() {
  for (int capability = 0; prctl(PR_CAPBSET_READ, capability, 0, 0, 0) >= 0; ++capability)
    (void)prctl(PR_CAPBSET_DROP, capability, 0, 0, 0);
}

bool has_user(const std::string& name) { return look_up(name).found; }

common::Result<void> drop_privileges(const std::string& user, const std::string& chroot_path) {
  // Look the user up before the root changes: the new root may have no /etc/passwd.
  User wanted;
  bool changes = false;
  if (!user.empty()) {
    wanted = look_up(user);
    if (!wanted.found) {
      return fail("node.user: " +
                  (wanted.error != 0 ? std::string(std::strerror(wanted.error)) : "no such user: " + user));
    }
    changes = geteuid() == 0 || wanted.entry.pw_uid != geteuid();
    if (changes && wanted.entry.pw_uid != 0) empty_bounding_set();  // only root can
    if (changes && initgroups(user.c_str(), wanted.entry.pw_gid) != 0) {
      return fail("node.user: cannot set the groups of " + user + ": " + reason());
    }
  }
  if (!chroot_path.empty() && (::chroot(chroot_path.c_str()) != 0 || chdir("/") != 0)) {
    return fail("node.chroot: cannot enter " + chroot_path + ": " + reason());
  }
  if (changes) {
    const passwd& entry = wanted.entry;
    if (setgid(entry.pw_gid) != 0 || setuid(entry.pw_uid) != 0) {
      return fail("node.user: cannot become " + user + ": " + reason());
    }
    if (entry.pw_uid != 0 && setuid(0) == 0)
      return fail("node.user: could still become root after changing to " + user);
  }
  return {};
}

}  // namespace shoal::node
