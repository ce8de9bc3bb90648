#include "node/config/version.h"

namespace shoal::node {

const char* version() { return SHOAL_VERSION; }

}  // namespace shoal::node
