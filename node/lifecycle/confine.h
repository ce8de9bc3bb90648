// Confinement: what a node gives up for good before it serves, so that whoever finds a way into it finds
// little to do there. Nothing of it can fail a start: a kernel that lacks a part leaves the others.
//
//   no new rights   execve() of a program with set-user-id or capabilities gains nothing (no_new_privs)
//   capabilities    none but those to read files of others and to bind low ports; none at all for a node that
//                   is not root, and none in the bounding set
//   system calls    only those that a node makes (seccomp): no program is started, no process but itself is
//                   seen, no sockets but of the Internet and of this machine. The others fail with EPERM
//   files           can be read as before, and are written only in named folders; none is executed (Landlock)
//
// Call it while the process has one thread: those that it starts inherit everything.

#pragma once

#include <string>
#include <vector>

namespace shoal::node {

struct ConfineSettings {
  bool filter_calls = true;
  bool shield = false;  // of calls, those too that a shield needs: see call_filter()
  bool guard_files = true;
  std::vector<std::string> written_folders;  // for guard_files
};

// What holds now. Texts for the log: "yes", or why not.
struct Confinement {
  std::string no_new_rights;
  std::string capabilities;
  std::string calls;
  std::string files;
};

// Sanitizers need calls that a node does not make: built with them it filters none.
Confinement confine(const ConfineSettings& settings);

// Whether files of `folder` can still be written, as far as confine() matters.
bool may_write_into(const std::string& folder);

}  // namespace shoal::node
