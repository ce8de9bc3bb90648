// Dropping privileges once the ports are bound.

#pragma once

#include <string>

#include "common/result.h"

namespace shoal::node {

// Enters `chroot` (if not empty), then becomes `user` with its groups (if not empty); both need root. There
// is no way back. Before any thread starts.
common::Result<void> drop_privileges(const std::string& user, const std::string& chroot);

}  // namespace shoal::node
