// The page at / of the admin endpoint, for people, and that of one swarm. The node renders all of it; the
// script (node/admin/page/page.js) only loads it again and shows the values under the pointer. Pure.

#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "node/status/history.h"
#include "node/status/node_state.h"
#include "proto/announce.h"

namespace shoal::node {

// Extra headers of the answer: the page may load from this endpoint only, and no other page may embed it.
constexpr std::string_view kPageHeaders =
    "Content-Security-Policy: default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'\r\n"
    "X-Content-Type-Options: nosniff\r\n"
    "Referrer-Policy: no-referrer\r\n"
    "Cache-Control: no-store\r\n";

// `top`: the largest swarms; empty while they are not known yet. `minutes`: of the history, one of
// kChartMinutes; 0: as many as fit.
std::string page_html(const NodeState& state, const std::vector<History::Point>& history,
                      const std::vector<proto::ScrapedSwarm>& top, uint32_t minutes = 0);

}  // namespace shoal::node
