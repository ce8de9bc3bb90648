// The version of this build.

#pragma once

namespace shoal::node {

// "MAJOR.MINOR.PATCH".
const char* version();

}  // namespace shoal::node
