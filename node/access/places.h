// What the files of access.geo_databases say: the networks of access.deny_countries and access.deny_asns, so
// that a request pays nothing for them, and an index for access.geo_counts. Read once, when the lists are
// read. Any thread; takes a second or so.

#pragma once

#include <memory>

#include "common/network.h"
#include "common/result.h"
#include "node/access/place_index.h"
#include "node/config/options.h"

namespace shoal::node {

// Adds the networks to `denied`; the index is null where access.geo_counts is off. The error begins with an
// option.
common::Result<std::shared_ptr<const PlaceIndex>> read_places(const Options::Access& options,
                                                              common::NetworkSet::Builder& denied);

}  // namespace shoal::node
