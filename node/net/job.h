// Job: work on a thread of libuv's pool, and what follows on the loop. A member of its owner, which may go at
// any time: then nothing follows, and work that has begun goes on to its end by itself. So the work must own
// what it touches, or touch only what outlives the loop. The loop's thread only, but for the work.

#pragma once

#include <uv.h>

#include <memory>
#include <optional>
#include <stop_token>
#include <type_traits>
#include <utility>

namespace shoal::node {

class Job {
 public:
  Job() = default;
  ~Job() { cancel(); }
  Job(const Job&) = delete;
  Job& operator=(const Job&) = delete;

  // Calls work(std::stop_token) on some thread of the pool, then done(its result) on the loop. Not while one
  // is running; `done` may start the next, or let the owner go.
  template <class Work, class Done>
  void start(uv_loop_t* loop, Work work, Done done) {
    start_task(loop, std::make_unique<TaskOf<Work, Done>>(std::move(work), std::move(done)));
  }

  // From start() until just before `done` is called.
  bool is_running() const { return task_ != nullptr; }

  // `done` will not be called. Work that has not begun never will; work that has sees it by its stop token.
  void cancel();

 private:
  struct Task {
    virtual ~Task() = default;
    virtual void work() = 0;
    virtual void done() = 0;

    uv_work_t request;
    Job* owner = nullptr;  // null: cancelled
    std::stop_source stop;
  };

  template <class Work, class Done>
  struct TaskOf final : Task {
    TaskOf(Work work_then, Done done_then) : work_(std::move(work_then)), done_(std::move(done_then)) {}
    void work() override { result_.emplace(work_(stop.get_token())); }
    void done() override { done_(std::move(*result_)); }

    Work work_;
    Done done_;
    std::optional<std::invoke_result_t<Work&, std::stop_token>> result_;
  };

  void start_task(uv_loop_t* loop, std::unique_ptr<Task> task);

  Task* task_ = nullptr;  // libuv's, which frees it when the work is over; null: none
};

}  // namespace shoal::node
