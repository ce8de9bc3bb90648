// The feeds over the admin endpoint. Control thread only.

#pragma once

#include <memory>
#include <string>

#include "node/feeds/feeds.h"
#include "node/http/streamed_answer.h"
#include "proto/http_request.h"

namespace shoal::node {

// GET /v1/feeds: all feeds with what became of them.
void show_feeds(const Feeds& feeds, const proto::HttpRequest& request, std::string& out);

// GET /v1/feeds/NAME: the bytes of the last good copy, for the other nodes. If-None-Match is honoured.
std::unique_ptr<StreamedAnswer> give_feed(const Feeds& feeds, const proto::HttpRequest& request,
                                          std::string& out);

// POST /v1/feeds/refresh: fetches all now, or with ?name=NAME one; with shrink=1 whatever is left of a list.
// The caller has checked who may do it.
void refresh_feeds(Feeds& feeds, const proto::HttpRequest& request, std::string& out);

}  // namespace shoal::node
