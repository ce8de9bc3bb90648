// Drops root privileges once the ports are bound.

#pragma once

#include <string>

#include "common/result.h"

namespace shoal::node {

// No program that this process executes can get a capability any more. As far as the process may: while it is
// root.
void empty_bounding_set();

bool has_user(const std::string& name);

// Enters `chroot` (if not empty), then becomes `user` with its groups (if not empty). Both need root, unless
// the process is that user already, and neither can be undone. Call it before any thread starts.
common::Result<void> drop_privileges(const std::string& user, const std::string& chroot);

}  // namespace shoal::node
