// POST /v1/reload. Control thread only.

#pragma once

#include <memory>

#include "node/admin/admin.h"
#include "proto/http_request.h"

namespace shoal::node {

// Begins a reload; the answer waits for its end: 200 with the options that were applied and those that need a
// restart, or 409 and why nothing has changed.
std::unique_ptr<StreamedAnswer> begin_reload(const AdminContext& context, const proto::HttpRequest& request);

}  // namespace shoal::node
