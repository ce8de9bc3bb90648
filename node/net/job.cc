#include "node/net/job.h"

#include "common/check.h"

namespace shoal::node {

void Job::start_task(uv_loop_t* loop, std::unique_ptr<Task> task) {
  CHECK_INVARIANT(task_ == nullptr);
  task->owner = this;
  task->request.data = task.get();
  task_ = task.release();
  CHECK_INVARIANT(uv_queue_work(
                      loop, &task_->request,
                      [](uv_work_t* request) { static_cast<Task*>(request->data)->work(); },
                      [](uv_work_t* request, int /*status*/) {
                        const std::unique_ptr<Task> over(static_cast<Task*>(request->data));
                        if (over->owner == nullptr) return;
                        over->owner->task_ = nullptr;
                        over->done();
                      }) == 0);
}

void Job::cancel() {
  Task* task = std::exchange(task_, nullptr);
  if (task == nullptr) return;
  task->owner = nullptr;
  task->stop.request_stop();
  uv_cancel(reinterpret_cast<uv_req_t*>(&task->request));  // refused where it has begun
}

}  // namespace shoal::node
