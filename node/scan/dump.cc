#include "node/scan/dump.h"

#include <algorithm>

namespace shoal::node {

namespace {

constexpr size_t kSwarmsCodedAtOnce = 128;

// Only a bencoded dictionary must be sorted as a whole.
SwarmScan::Order order_of(proto::DumpFormat format) {
  return format == proto::DumpFormat::bencode ? SwarmScan::Order::by_info_hash : SwarmScan::Order::any;
}

}  // namespace

Dump::Dump(const SwarmStore& store, proto::DumpFormat format, proto::ContentCoding coding,
           int64_t unix_minute)
    : format_(format), unix_minute_(unix_minute), scan_(store, order_of(format)), encoder_(coding) {
  proto::append_dump_head(text_, format_);
}

bool Dump::next(std::string& out) {
  const size_t enough = out.size() + kPieceBytes;
  while (out.size() < enough) {
    if (batch_.empty()) batch_ = scan_.next();
    if (batch_.empty()) {
      proto::append_dump_end(text_, format_);
      encoder_.add(text_, out);
      encoder_.finish(out);
      return false;
    }
    const size_t count = std::min(batch_.size(), kSwarmsCodedAtOnce);
    for (const proto::ScrapedSwarm& swarm : batch_.first(count)) {
      proto::append_dump_swarm(text_, format_, swarm, unix_minute_);
    }
    batch_ = batch_.subspan(count);
    encoder_.add(text_, out);
    text_.clear();
  }
  return true;
}

}  // namespace shoal::node
