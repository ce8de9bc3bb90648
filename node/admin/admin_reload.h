// POST /v1/reload. Control thread only.

#pragma once

#include <memory>

#include "node/admin/admin.h"
#include "proto/http_request.h"

namespace shoal::node {

// Begins a reload. The answer comes at its end: 200 with the options that were applied and those that need a
// restart, or 409 with the reason why nothing has changed.
std::unique_ptr<StreamedAnswer> begin_reload(const AdminContext& context, const proto::HttpRequest& request);

}  // namespace shoal::node
