// A full scrape in a file. Blocking; any thread.

#pragma once

#include <cstdint>
#include <stop_token>
#include <string>
#include <string_view>

#include "common/result.h"
#include "node/store/swarm_store.h"
#include "proto/accept_encoding.h"
#include "proto/dump_format.h"

namespace shoal::node {

// By the end of the file's name: ".gz", ".zst", or neither.
proto::ContentCoding coding_of_file(std::string_view path);

// An AtomicFile that everybody may read: it says nothing of peers. Returns its size. Breaks off with an error
// when it is asked to stop.
common::Result<uint64_t> write_dump_file(const std::string& path, proto::DumpFormat format,
                                         const SwarmStore& store, int64_t unix_minute,
                                         const std::stop_token& stop);

}  // namespace shoal::node
