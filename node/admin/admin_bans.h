// Bans over the admin endpoint. Control thread only.

#pragma once

#include <memory>
#include <string>

#include "node/admin/admin.h"
#include "node/http/streamed_answer.h"
#include "proto/http_request.h"

namespace shoal::node {

// GET /v1/bans: mode, counts, and all bans in force, and those that would be, which may be so many that the
// text is made elsewhere. With ?address=ADDRESS instead what is known of that client. JSON.
std::unique_ptr<StreamedAnswer> show_bans(const AdminContext& context, const proto::HttpRequest& request,
                                          std::string& out);

// POST. The caller has checked who may do it.
// /v1/bans/add?address=ADDRESS&for_s=SECONDS
void add_ban(BanControl& bans, const proto::HttpRequest& request, std::string& out);
// /v1/bans/remove?address=ADDRESS
void remove_ban(BanControl& bans, const proto::HttpRequest& request, std::string& out);
// /v1/bans/forget-origin?node=NODE and /v1/access/forget-origin?node=NODE, where NODE is a name or an id.
void forget_bans_of(const AdminContext& context, const proto::HttpRequest& request, std::string& out);
void forget_access_of(const AdminContext& context, const proto::HttpRequest& request, std::string& out);

}  // namespace shoal::node
