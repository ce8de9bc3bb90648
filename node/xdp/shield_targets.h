// Which addresses and ports the shield handles. Pure.

#pragma once

#include <span>
#include <vector>

#include "common/endpoint.h"

namespace shoal::node {

// The addresses of this machine, each with the port, at which `listened` (tracker.udp) is reached from a
// wire: a wildcard address stands for all own ones of its family. An address that is not (yet) this machine's
// is left out: packets for it are routed elsewhere. Ascending, each once.
std::vector<common::Endpoint> shield_targets(std::span<const common::Endpoint> listened,
                                             std::span<const common::Endpoint> own);

}  // namespace shoal::node
