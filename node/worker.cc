#include "node/worker.h"

#include <utility>

#include "common/check.h"

namespace shoal::node {

Worker::Worker(const WorkerContext& context, std::unique_ptr<DeltaQueue> queue, std::vector<Socket> udp,
               std::vector<Socket> http, uint64_t seed)
    : context_(context),
      queue_(std::move(queue)),
      udp_sockets_(std::move(udp)),
      http_sockets_(std::move(http)),
      tracker_(context.tracker, context.store, queue_.get(), counters_.announce, seed),
      connection_keys_(context.connection_keys),
      batch_(make_udp_batch()),
      http_tracker_(tracker_, context.clock, context.tracker.numwant_max, counters_) {
  CHECK_INVARIANT(uv_loop_init(&loop_) == 0);
  CHECK_INVARIANT(uv_async_init(&loop_, &wake_, [](uv_async_t* async) {
                    static_cast<Worker*>(async->data)->take_message();
                  }) == 0);
  wake_.data = this;
  thread_ = std::thread([this] { run(); });
}

Worker::~Worker() { stop(); }

void Worker::stop() {
  if (!thread_.joinable()) return;
  {
    const std::lock_guard lock(message_mutex_);
    stop_asked_ = true;
  }
  uv_async_send(&wake_);
  thread_.join();
  CHECK_INVARIANT(uv_loop_close(&loop_) == 0);
}

void Worker::set_connection_keys(std::vector<common::SipKey> keys) {
  CHECK_INVARIANT(!keys.empty());
  if (!thread_.joinable()) return;
  {
    const std::lock_guard lock(message_mutex_);
    next_keys_ = std::move(keys);
  }
  uv_async_send(&wake_);
}

void Worker::take_message() {
  const std::lock_guard lock(message_mutex_);
  if (!next_keys_.empty()) connection_keys_ = std::exchange(next_keys_, {});
  if (!stop_asked_) return;
  for (const auto& server : udp_) server->stop();
  http_->stop();
  uv_close(reinterpret_cast<uv_handle_t*>(&wake_), nullptr);
}

void Worker::run() {
  for (Socket& socket : udp_sockets_) {
    udp_.push_back(std::make_unique<UdpServer>(&loop_, std::move(socket), *batch_, tracker_, context_.clock,
                                               connection_keys_, counters_));
  }
  http_ = std::make_unique<HttpServer>(&loop_, context_.http_limits, http_tracker_, counters_.http);
  http_->close_when(context_.draining);
  for (Socket& socket : http_sockets_) http_->listen(std::move(socket));
  uv_run(&loop_, UV_RUN_DEFAULT);
}

}  // namespace shoal::node
