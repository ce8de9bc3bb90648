#include "node/worker.h"

#include "common/check.h"

namespace shoal::node {

Worker::Worker(const WorkerContext& context, std::unique_ptr<DeltaQueue> queue, std::vector<Socket> udp,
               std::vector<Socket> http, uint64_t seed)
    : context_(context),
      queue_(std::move(queue)),
      udp_sockets_(std::move(udp)),
      http_sockets_(std::move(http)),
      tracker_(context.tracker, context.store, queue_.get(), counters_.announce, seed),
      batch_(make_udp_batch()),
      http_tracker_(tracker_, context.clock, context.tracker.numwant_max, counters_) {
  CHECK_INVARIANT(uv_loop_init(&loop_) == 0);
  CHECK_INVARIANT(uv_async_init(&loop_, &stop_, [](uv_async_t* async) {
                    Worker& worker = *static_cast<Worker*>(async->data);
                    for (const auto& server : worker.udp_) server->stop();
                    worker.http_->stop();
                    uv_close(reinterpret_cast<uv_handle_t*>(async), nullptr);
                  }) == 0);
  stop_.data = this;
  thread_ = std::thread([this] { run(); });
}

Worker::~Worker() { stop(); }

void Worker::stop() {
  if (!thread_.joinable()) return;
  uv_async_send(&stop_);
  thread_.join();
  CHECK_INVARIANT(uv_loop_close(&loop_) == 0);
}

void Worker::run() {
  for (Socket& socket : udp_sockets_) {
    udp_.push_back(std::make_unique<UdpServer>(&loop_, std::move(socket), *batch_, tracker_, context_.clock,
                                               context_.connection_keys, counters_));
  }
  http_ = std::make_unique<HttpServer>(&loop_, context_.http_limits, http_tracker_, counters_.http);
  for (Socket& socket : http_sockets_) http_->listen(std::move(socket));
  uv_run(&loop_, UV_RUN_DEFAULT);
}

}  // namespace shoal::node
