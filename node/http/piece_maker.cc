#include "node/http/piece_maker.h"

#include <utility>

#include "common/check.h"
#include "node/os/background.h"

namespace shoal::node {

PieceMaker::PieceMaker(uv_loop_t* loop, std::unique_ptr<LongAnswer> answer, Made made)
    : loop_(loop), answer_(std::move(answer)), made_(std::move(made)) {
  work_.data = this;
}

PieceMaker::Ptr PieceMaker::create(uv_loop_t* loop, std::unique_ptr<LongAnswer> answer, Made made) {
  return Ptr(new PieceMaker(loop, std::move(answer), std::move(made)));
}

void PieceMaker::Drop::operator()(PieceMaker* maker) const {
  if (maker->working_) {
    maker->dropped_ = true;
  } else {
    delete maker;
  }
}

void PieceMaker::make() {
  CHECK_INVARIANT(!working_ && more_);
  answer_->await([this] { begin(); });
}

void PieceMaker::begin() {
  CHECK_INVARIANT(!working_);
  working_ = true;
  CHECK_INVARIANT(uv_queue_work(loop_, &work_, &PieceMaker::work, &PieceMaker::worked) == 0);
}

void PieceMaker::work(uv_work_t* work) {
  yield_to_servers();
  PieceMaker& maker = *static_cast<PieceMaker*>(work->data);
  maker.more_ = maker.answer_->next(maker.piece_);
}

void PieceMaker::worked(uv_work_t* work, int /*status*/) {
  auto* maker = static_cast<PieceMaker*>(work->data);
  maker->working_ = false;
  if (maker->dropped_) {
    const Ptr last(maker);
    return;
  }
  const Made made = maker->made_;  // lives on if the maker is dropped inside
  made(std::exchange(maker->piece_, {}), maker->more_);
}

}  // namespace shoal::node
