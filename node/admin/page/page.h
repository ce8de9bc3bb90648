// The page at / of the admin endpoint, for people: whole and readable as it comes; its script
// (node/admin/page/page.js) only fetches it again. Pure.

#pragma once

#include <string>
#include <vector>

#include "node/status/history.h"
#include "node/status/node_state.h"
#include "proto/announce.h"

namespace shoal::node {

// The answer's headers besides those of every answer: the page may load and ask nothing but this endpoint,
// and be in no other page.
constexpr std::string_view kPageHeaders =
    "Content-Security-Policy: default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'\r\n"
    "X-Content-Type-Options: nosniff\r\n"
    "Referrer-Policy: no-referrer\r\n"
    "Cache-Control: no-store\r\n";

// `top`: the largest swarms; empty: not known yet.
std::string page_html(const NodeState& state, const std::vector<History::Point>& history,
                      const std::vector<proto::ScrapedSwarm>& top);

}  // namespace shoal::node
