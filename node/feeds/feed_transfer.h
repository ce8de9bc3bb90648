// How the bytes of a feed come. Blocks. The text of an error shows nothing of what is secret in a URL.

#pragma once

#include <functional>
#include <stop_token>
#include <string_view>

#include "common/result.h"
#include "node/feeds/feed_fetch.h"
#include "node/feeds/feed_state.h"

namespace shoal::node {

struct Transfer {
  bool unchanged = false;  // since FeedRequest::held; there were no bytes
  FeedVersion version;
};

// Takes bytes; false: that is enough, the transfer fails.
using TakeBytes = std::function<bool(std::string_view bytes)>;

common::Result<Transfer> transfer_url(const FeedRequest& request, const TakeBytes& take,
                                      const std::stop_token& stop);
common::Result<Transfer> transfer_file(const FeedRequest& request, const TakeBytes& take,
                                       const std::stop_token& stop);

}  // namespace shoal::node
