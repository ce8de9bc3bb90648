// StreamedAnswerPump: has the pieces of one StreamedAnswer made by libuv's thread pool, one at a time, when
// it is told to. The threads yield to those that serve. The loop's thread only.

#pragma once

#include <uv.h>

#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "node/http/streamed_answer.h"
#include "node/net/job.h"

namespace shoal::node {

class StreamedAnswerPump {
 public:
  using Made = std::function<void(std::string piece, bool more)>;

  // `made` is called on the loop after each make(); not after this object is gone, which a piece in the
  // making does not hold up.
  StreamedAnswerPump(uv_loop_t* loop, std::unique_ptr<StreamedAnswer> answer, Made made)
      : loop_(loop), answer_(std::move(answer)), made_(std::move(made)) {}
  StreamedAnswerPump(const StreamedAnswerPump&) = delete;
  StreamedAnswerPump& operator=(const StreamedAnswerPump&) = delete;

  // Once; then again from `made` on, while there is more. The object may go inside `made`.
  void make();

  // In `made`, when there is no more.
  bool cut() const { return answer_->cut(); }

 private:
  struct Piece {
    std::string bytes;
    bool more = false;
  };

  void begin();

  uv_loop_t* const loop_;
  // The pool's as well while it makes a piece. Calls begin() back only while it makes none, so never when
  // this object is gone.
  const std::shared_ptr<StreamedAnswer> answer_;
  const Made made_;
  Job job_;
  bool more_ = true;
};

}  // namespace shoal::node
