#include "node/admin/admin_reload.h"

#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "node/admin/admin_api.h"
#include "proto/http_answer.h"

namespace shoal::node {

namespace {

// Shared by the answer and the reload, which may end after the client has gone.
struct Waiting {
  std::optional<ReloadReport> report;
  std::function<void()> go;  // empty: nobody is waiting
};

class ReloadAnswer final : public StreamedAnswer {
 public:
  ReloadAnswer(std::shared_ptr<Waiting> waiting, proto::HttpReply reply)
      : waiting_(std::move(waiting)), reply_(reply) {}
  ~ReloadAnswer() override { waiting_->go = nullptr; }
  ReloadAnswer(const ReloadAnswer&) = delete;
  ReloadAnswer& operator=(const ReloadAnswer&) = delete;

  void await(const std::function<void()>& go) override {
    if (waiting_->report) return go();
    waiting_->go = go;
  }

  bool next(std::string& out) override {
    const ReloadReport& report = *waiting_->report;
    if (!report.error.empty()) {
      append_api_error(out, reply_, 409, report.error);
      return false;
    }
    const nlohmann::ordered_json json = {{"result", "reloaded"},
                                         {"applied", report.changes.reloadable},
                                         {"need_restart", report.changes.need_restart}};
    proto::append_content(out, reply_, 200, "application/json", json.dump(2) + "\n");
    return false;
  }

 private:
  const std::shared_ptr<Waiting> waiting_;
  const proto::HttpReply reply_;
};

}  // namespace

std::unique_ptr<StreamedAnswer> begin_reload(const AdminContext& context, const proto::HttpRequest& request) {
  const auto waiting = std::make_shared<Waiting>();
  context.reload([waiting](const ReloadReport& report) {
    waiting->report = report;
    if (const auto go = std::exchange(waiting->go, nullptr)) go();
  });
  return std::make_unique<ReloadAnswer>(waiting, reply_to_long(request));
}

}  // namespace shoal::node
