// StreamedAnswerPump: has the pieces of one StreamedAnswer made by libuv's thread pool, one at a time, when
// it is told to. The threads yield to those that serve. The loop's thread only.

#pragma once

#include <uv.h>

#include <functional>
#include <memory>
#include <string>

#include "node/http/streamed_answer.h"

namespace shoal::node {

class StreamedAnswerPump {
 public:
  // Dropping one lets the piece in the making be finished, unseen; the loop must run until then.
  struct Drop {
    void operator()(StreamedAnswerPump* maker) const;
  };
  using Ptr = std::unique_ptr<StreamedAnswerPump, Drop>;
  using Made = std::function<void(std::string piece, bool more)>;

  // `made` is called on the loop after each make().
  static Ptr create(uv_loop_t* loop, std::unique_ptr<StreamedAnswer> answer, Made made);

  // Once; then again from `made` on, while there is more. May be dropped inside `made`.
  void make();

 private:
  StreamedAnswerPump(uv_loop_t* loop, std::unique_ptr<StreamedAnswer> answer, Made made);
  void begin();
  static void work(uv_work_t* work);
  static void worked(uv_work_t* work, int status);

  uv_loop_t* const loop_;
  const std::unique_ptr<StreamedAnswer> answer_;  // calls begin() back, so it must not outlive this
  const Made made_;
  uv_work_t work_;
  bool working_ = false;
  bool dropped_ = false;
  std::string piece_;
  bool more_ = true;
};

}  // namespace shoal::node
