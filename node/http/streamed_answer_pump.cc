#include "node/http/streamed_answer_pump.h"

#include <utility>

#include "common/check.h"
#include "node/os/thread_priority.h"

namespace shoal::node {

void StreamedAnswerPump::make() {
  CHECK_INVARIANT(!job_.is_running() && more_);
  answer_->await([this] { begin(); });
}

void StreamedAnswerPump::begin() {
  job_.start(
      loop_,
      [answer = answer_](const std::stop_token& /*stop*/) {
        lower_thread_priority();
        Piece piece;
        piece.more = answer->next(piece.bytes);
        return piece;
      },
      [this](Piece piece) {
        more_ = piece.more;
        const Made made = made_;  // lives on if this object is dropped inside
        made(std::move(piece.bytes), piece.more);
      });
}

}  // namespace shoal::node
