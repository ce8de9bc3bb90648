#include "node/scan/exporter.h"

#include <utility>

#include "common/log.h"
#include "node/os/monotonic.h"
#include "node/os/thread_priority.h"
#include "node/scan/dump_file.h"

namespace shoal::node {

using common::log_line;
using common::LogLevel;

Exporter::Exporter(uv_loop_t* loop, Settings settings, const SwarmStore& store, const ClusterClock& clock)
    : loop_(loop), store_(store), clock_(clock), timer_(loop, [this] { begin(); }) {
  set(std::move(settings));
}

void Exporter::set(Settings settings) {
  if (settings == settings_) return;
  settings_ = std::move(settings);
  timer_.stop();
  if (settings_.path.empty()) return;
  const uint64_t period_ms = uint64_t{settings_.interval_s} * 1000;
  timer_.start(period_ms, period_ms);
}

void Exporter::stop() {
  timer_.close();
  job_.cancel();
}

void Exporter::begin() {
  if (job_.is_running()) return;  // a slow disk
  job_.start(
      loop_,
      [settings = settings_, &store = store_, &clock = clock_](const std::stop_token& stop) {
        lower_thread_priority();
        const int64_t start_ms = monotonic_ms();
        auto bytes = write_dump_file(settings.path, settings.format, store, clock.unix_ms() / 60'000, stop);
        return Written{std::move(bytes), monotonic_ms() - start_ms};
      },
      [this](const Written& written) { note(written); });
}

void Exporter::note(const Written& written) {
  if (written.bytes) {
    ++status_.written;
    status_.last_unix_ms = clock_.unix_ms();
    status_.last_bytes = *written.bytes;
    status_.last_took_ms = written.took_ms;
    log_line(LogLevel::debug, "swarms exported",
             {{"bytes", std::to_string(*written.bytes)}, {"took_ms", std::to_string(written.took_ms)}});
  } else {
    ++status_.failed;
    log_line(LogLevel::error, "swarms not exported, the old file stays",
             {{"reason", written.bytes.error().message}});
  }
}

}  // namespace shoal::node
