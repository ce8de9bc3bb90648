// The admin API: what lies under /v1/ on the admin endpoint, in JSON. docs/openapi.json describes it. Control
// thread only.
//
// An action answers {"result": WHAT}, an error {"error": WHY}, each for people to read.

#pragma once

#include <memory>
#include <string>

#include "node/admin/admin.h"
#include "proto/http_answer.h"

namespace shoal::node {

// Peers of a swarm that /v1/swarms/HEX shows of each family, at most and if it is not said.
constexpr uint32_t kLookPeersMax = 200;
constexpr uint32_t kLookPeersDefault = 20;

// Swarms that /v1/top shows if it is not said; at most kTopMax.
constexpr uint32_t kTopDefault = 10;

// Any request below /v1/, and POSTs to anywhere; who may change something is checked before. What it returns
// is as with HttpHandler::answer.
std::unique_ptr<StreamedAnswer> answer_api(const AdminContext& context, const proto::HttpRequest& request,
                                           std::string& out);

void append_api_result(std::string& out, const proto::HttpReply& reply, std::string_view result);
void append_api_error(std::string& out, const proto::HttpReply& reply, int status, std::string_view reason);

}  // namespace shoal::node
