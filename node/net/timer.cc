#include "node/net/timer.h"

#include <memory>
#include <utility>

#include "common/check.h"

namespace shoal::node {

struct Timer::Handle {
  uv_timer_t timer;
  std::function<void()> run;
};

Timer::Timer(uv_loop_t* loop, std::function<void()> run) {
  auto handle = std::make_unique<Handle>();
  handle->run = std::move(run);
  CHECK_INVARIANT(uv_timer_init(loop, &handle->timer) == 0);
  handle->timer.data = handle.get();
  handle_ = handle.release();
}

void Timer::start(uint64_t after_ms, uint64_t repeat_ms) {
  if (handle_ == nullptr) return;
  // The loop's time stands still while callbacks run.
  uv_update_time(handle_->timer.loop);
  const auto on_timer = [](uv_timer_t* timer) { static_cast<Handle*>(timer->data)->run(); };
  CHECK_INVARIANT(uv_timer_start(&handle_->timer, on_timer, after_ms, repeat_ms) == 0);
}

void Timer::stop() {
  if (handle_ != nullptr) uv_timer_stop(&handle_->timer);
}

bool Timer::is_active() const {
  return handle_ != nullptr && uv_is_active(reinterpret_cast<const uv_handle_t*>(&handle_->timer)) != 0;
}

void Timer::close() {
  Handle* handle = std::exchange(handle_, nullptr);
  if (handle == nullptr) return;
  uv_close(reinterpret_cast<uv_handle_t*>(&handle->timer), [](uv_handle_t* closed) {
    const std::unique_ptr<Handle> freed(static_cast<Handle*>(closed->data));
  });
}

}  // namespace shoal::node
