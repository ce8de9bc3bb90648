// The access list over the admin endpoint. Control thread only.

#pragma once

#include <memory>
#include <string>

#include "node/access/access_control.h"
#include "node/http/streamed_answer.h"
#include "proto/http_request.h"

namespace shoal::node {

// GET /v1/access: mode, counts and all run-time changes, which may be so many that the text is made
// elsewhere. With ?hash=HEX, once or several times, instead whether these info_hashes are listed and allowed.
// JSON.
std::unique_ptr<StreamedAnswer> show_access(const AccessControl& access, const proto::HttpRequest& request,
                                            std::string& out);

// POST /v1/access/add?hash=HEX&hash=HEX and /v1/access/remove. The caller has checked who may do it.
void change_access(AccessControl& access, const proto::HttpRequest& request, bool listed, std::string& out);

}  // namespace shoal::node
