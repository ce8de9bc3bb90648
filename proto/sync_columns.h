// Deltas as columns (sync.proto, message Columns) and back.

#pragma once

#include <span>
#include <vector>

#include "common/endpoint.h"
#include "proto/delta.h"
#include "proto/sync.pb.h"
#include "proto/sync_packet.h"

namespace shoal::proto {

// `sorted`: deltas of one family in the order of delta_before, or of HashNumbers; at most 256 distinct
// (state, stamp).
void pack_columns(std::span<const Delta> sorted, const HashNumbers& numbers, pb::Columns& out);

// Appends the deltas; false, with `out` unspecified, if the columns contradict each other or hold invalid
// values.
[[nodiscard]] bool unpack_columns(const pb::Columns& columns, common::Family family, std::vector<Delta>& out);

// The same where info_hashes come by number. `told`: how many the columns before this one have in full.
[[nodiscard]] bool unpack_columns(const pb::Columns& columns, common::Family family, size_t& told,
                                  NumberedBatch& out);

}  // namespace shoal::proto
