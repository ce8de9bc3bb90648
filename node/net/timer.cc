#include "node/net/timer.h"

#include <memory>
#include <utility>

#include "common/check.h"

namespace shoal::node {

struct Timer::Handle {
  uv_timer_t timer;
  std::function<void()> run;
  uint64_t every_ms = 0;  // at multiples of it; 0: libuv repeats it
};

namespace {

// How long until the loop's clock is at a multiple.
uint64_t until_multiple_ms(const uv_loop_t* loop, uint64_t of_ms) { return of_ms - uv_now(loop) % of_ms; }

}  // namespace

Timer::Timer(uv_loop_t* loop, std::function<void()> run) {
  auto handle = std::make_unique<Handle>();
  handle->run = std::move(run);
  CHECK_INVARIANT(uv_timer_init(loop, &handle->timer) == 0);
  handle->timer.data = handle.get();
  handle_ = handle.release();
}

void Timer::on_timer(uv_timer_t* timer) {
  auto& handle = *static_cast<Handle*>(timer->data);
  if (handle.every_ms > 0) {
    CHECK_INVARIANT(
        uv_timer_start(timer, &Timer::on_timer, until_multiple_ms(timer->loop, handle.every_ms), 0) == 0);
  }
  handle.run();
}

void Timer::start(uint64_t after_ms, uint64_t repeat_ms) {
  if (handle_ == nullptr) return;
  handle_->every_ms = 0;
  // The loop's time stands still while callbacks run.
  uv_update_time(handle_->timer.loop);
  CHECK_INVARIANT(uv_timer_start(&handle_->timer, &Timer::on_timer, after_ms, repeat_ms) == 0);
}

void Timer::start_every_s(uint64_t seconds) {
  if (handle_ == nullptr) return;
  uv_update_time(handle_->timer.loop);
  start(until_multiple_ms(handle_->timer.loop, seconds * 1000));
  handle_->every_ms = seconds * 1000;
}

void Timer::start_at_second() {
  if (handle_ == nullptr) return;
  uv_update_time(handle_->timer.loop);
  start(until_multiple_ms(handle_->timer.loop, 1000));
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
