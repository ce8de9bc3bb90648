#include "node/scan/exporter.h"

#include <sys/stat.h>

#include <string_view>
#include <utility>

#include "common/bytes.h"
#include "common/log.h"
#include "node/os/atomic_file.h"
#include "node/os/monotonic.h"
#include "node/os/thread_priority.h"
#include "node/scan/dump.h"

namespace shoal::node {

using common::log_line;
using common::LogLevel;

namespace {

// Everybody may read it: it says nothing of peers.
constexpr mode_t kMode = S_IRUSR | S_IWUSR | S_IRGRP | S_IROTH;

// By the end of the file's name.
proto::ContentCoding coding_of_file(std::string_view path) {
  if (path.ends_with(".gz")) return proto::ContentCoding::gzip;
  if (path.ends_with(".zst")) return proto::ContentCoding::zstd;
  return proto::ContentCoding::identity;
}

// Returns the size of the file. Fails when it is asked to stop.
common::Result<uint64_t> write_dump(const std::string& path, proto::DumpFormat format,
                                    const SwarmStore& store, int64_t unix_minute,
                                    const std::stop_token& stop) {
  auto file = AtomicFile::create(path, kMode);
  if (!file) return tl::make_unexpected(file.error());
  Dump dump(store, format, coding_of_file(path), unix_minute);
  uint64_t bytes = 0;
  std::string piece;
  for (bool more = true; more;) {
    if (stop.stop_requested()) return common::fail("stopped");
    piece.clear();
    more = dump.next(piece);
    bytes += piece.size();
    auto written = file->write(common::bytes_of(piece));
    if (!written) return tl::make_unexpected(written.error());
  }
  if (auto done = file->commit(); !done) return tl::make_unexpected(done.error());
  return bytes;
}

}  // namespace

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
  if (job_.is_running()) return;  // the disk is slow: skip one
  job_.start(
      loop_,
      [settings = settings_, &store = store_, &clock = clock_](const std::stop_token& stop) {
        lower_thread_priority();
        const int64_t start_ms = monotonic_ms();
        auto bytes = write_dump(settings.path, settings.format, store, clock.unix_ms() / 60'000, stop);
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
