#include "node/scan/dump_file.h"

#include <sys/stat.h>

#include "node/os/atomic_file.h"
#include "node/scan/dump.h"

namespace shoal::node {

namespace {

constexpr mode_t kMode = S_IRUSR | S_IWUSR | S_IRGRP | S_IROTH;

}  // namespace

proto::ContentCoding coding_of_file(std::string_view path) {
  if (path.ends_with(".gz")) return proto::ContentCoding::gzip;
  if (path.ends_with(".zst")) return proto::ContentCoding::zstd;
  return proto::ContentCoding::identity;
}

common::Result<uint64_t> write_dump_file(const std::string& path, proto::DumpFormat format,
                                         const SwarmStore& store, int64_t unix_minute,
                                         const std::stop_token& stop) {
  auto file = AtomicFile::create(path, kMode);
  if (!file) return tl::make_unexpected(file.error());
  Dump dump(store, format, coding_of_file(path), unix_minute);
  uint64_t bytes = 0;
  std::string piece;
  for (bool more = true; more;) {
    if (stop.stop_requested()) return common::fail("broken off");
    piece.clear();
    more = dump.next(piece);
    bytes += piece.size();
    auto written = file->write({reinterpret_cast<const uint8_t*>(piece.data()), piece.size()});
    if (!written) return tl::make_unexpected(written.error());
  }
  if (auto done = file->commit(); !done) return tl::make_unexpected(done.error());
  return bytes;
}

}  // namespace shoal::node
