// The paths of the admin endpoint: one table with a row for each. The API under /v1/ answers in JSON and is
// described in docs/openapi.json. Control thread only.
//
// An action answers {"result": WHAT}, an error {"error": WHY}; both are texts for people.

#pragma once

#include <memory>
#include <string>

#include "node/admin/admin.h"
#include "proto/http_answer.h"

namespace shoal::node {

// Swarms that /v1/top shows by default; at most kTopMax.
constexpr uint32_t kTopDefault = 10;

// Any request to the admin endpoint. Whether the client may make changes by POST is checked before. Returns
// what HttpHandler::answer does.
std::unique_ptr<StreamedAnswer> answer_endpoint(const AdminContext& context,
                                                const proto::HttpRequest& request, std::string& out);

void append_api_result(std::string& out, const proto::HttpReply& reply, std::string_view result);
void append_api_error(std::string& out, const proto::HttpReply& reply, int status, std::string_view reason);

}  // namespace shoal::node
