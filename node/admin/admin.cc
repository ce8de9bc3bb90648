#include "node/admin/admin.h"

#include "node/admin/admin_api.h"
#include "node/admin/admin_host.h"
#include "node/admin/admin_token.h"
#include "proto/http_answer.h"

namespace shoal::node {

std::unique_ptr<StreamedAnswer> Admin::answer(const proto::HttpRequest& request,
                                              const common::Endpoint& client, std::string& out) {
  const auto host = request.header("host");
  if (host && !context_.answers_as(*host)) {
    context_.refused(AdminRefused::host, client);
    append_api_error(out, proto::reply_to(request), 421, kForeignHost);
    return nullptr;
  }
  if (request.method == proto::HttpMethod::post) {
    if (const auto refusal = refuses_change(context_.token(), request, client)) {
      context_.refused(refusal->why, client);
      append_api_error(out, proto::reply_to(request), refusal->status, refusal->reason);
      return nullptr;
    }
  }
  return answer_endpoint(context_, request, out);
}

}  // namespace shoal::node
