// The networks of access.deny_countries and access.deny_asns: looked up in access.geo_databases once, when
// the lists are read, so that a request pays nothing for them. Any thread; takes a second or so.

#pragma once

#include <string>
#include <vector>

#include "common/network.h"
#include "common/result.h"
#include "node/config/options.h"

namespace shoal::node {

// The error begins with an option.
common::Result<void> add_denied_places(const Options::Access& options, common::NetworkSet::Builder& to);

}  // namespace shoal::node
