// One attempt to fetch a feed, from a URL or a file. Blocks for up to its time limit: for libuv's pool.

#pragma once

#include <cstdint>
#include <functional>
#include <stop_token>
#include <string>
#include <string_view>

#include "node/config/options.h"
#include "node/feeds/feed_reader.h"
#include "node/feeds/feed_state.h"

namespace shoal::node {

struct FetchLimits {
  long connect_s = 10;  // name, TCP and TLS
  long total_s = 300;
  long slow_bytes_per_s = 1'000;  // slower than this
  long slow_s = 30;               // for so long: given up
  long redirects = 5;
};

struct FeedRequest {
  FeedSource source;
  FeedVersion held;  // of the list in force; empty: all is asked for
  std::string hash;  // of the bytes of the list in force; empty: there is none
  std::string ca_file;
  std::string folder;      // for the copy; empty: none is kept
  bool copy_kept = false;  // of the list in force and of this source
  size_t entries = 0;      // in force
  bool may_shrink = false;
  int64_t unix_ms = 0;
  FetchLimits limits;
  FeedBounds bounds;
};

struct FetchedFeed {
  FeedAttempt attempt;
  FeedContent content;  // if it changed
};

// Everything: fetches, reads, judges, keeps a copy. Ends within a second of a request to stop.
FetchedFeed fetch_feed(const FeedRequest& request, const std::stop_token& stop);

}  // namespace shoal::node
