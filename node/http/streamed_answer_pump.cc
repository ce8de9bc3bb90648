#include "node/http/streamed_answer_pump.h"

#include <utility>

#include "common/check.h"
#include "node/os/thread_priority.h"

namespace shoal::node {

StreamedAnswerPump::StreamedAnswerPump(uv_loop_t* loop, std::unique_ptr<StreamedAnswer> answer, Made made)
    : loop_(loop), answer_(std::move(answer)), made_(std::move(made)) {
  work_.data = this;
}

StreamedAnswerPump::Ptr StreamedAnswerPump::create(uv_loop_t* loop, std::unique_ptr<StreamedAnswer> answer,
                                                   Made made) {
  return Ptr(new StreamedAnswerPump(loop, std::move(answer), std::move(made)));
}

void StreamedAnswerPump::Drop::operator()(StreamedAnswerPump* maker) const {
  if (maker->working_) {
    maker->dropped_ = true;
  } else {
    delete maker;
  }
}

void StreamedAnswerPump::make() {
  CHECK_INVARIANT(!working_ && more_);
  answer_->await([this] { begin(); });
}

void StreamedAnswerPump::begin() {
  CHECK_INVARIANT(!working_);
  working_ = true;
  CHECK_INVARIANT(uv_queue_work(loop_, &work_, &StreamedAnswerPump::work, &StreamedAnswerPump::worked) == 0);
}

void StreamedAnswerPump::work(uv_work_t* work) {
  lower_thread_priority();
  StreamedAnswerPump& maker = *static_cast<StreamedAnswerPump*>(work->data);
  maker.more_ = maker.answer_->next(maker.piece_);
}

void StreamedAnswerPump::worked(uv_work_t* work, int /*status*/) {
  auto* maker = static_cast<StreamedAnswerPump*>(work->data);
  maker->working_ = false;
  if (maker->dropped_) {
    const Ptr last(maker);
    return;
  }
  const Made made = maker->made_;  // lives on if the maker is dropped inside
  made(std::exchange(maker->piece_, {}), maker->more_);
}

}  // namespace shoal::node
