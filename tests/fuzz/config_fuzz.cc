// Any bytes as the options file: each error is one printable line, and what is accepted meets every condition
// that the node relies on.

#include <algorithm>
#include <string_view>

#include "common/check.h"
#include "node/config/config_file.h"
#include "node/config/option_values.h"
#include "node/config/resolve_options.h"

using namespace shoal::node;

namespace {

void check_error(std::string_view message) {
  CHECK_INVARIANT(!message.empty() && message.back() != '\n');
  CHECK_INVARIANT(std::count(message.begin(), message.end(), '\n') <= static_cast<ptrdiff_t>(kErrorsMax));
  for (const char c : message) CHECK_INVARIANT((c >= 0x20 && c < 0x7f) || c == '\n');
}

void check_read(const Options& o) {
  CHECK_INVARIANT(is_name(o.node.name) && o.node.workers <= 256);
  CHECK_INVARIANT(o.tracker.udp.size() <= 64 && o.tracker.http.size() <= 64);
  CHECK_INVARIANT(!o.tracker.udp.empty() || !o.tracker.http.empty());
  for (const auto& address : o.tracker.udp) CHECK_INVARIANT(address.port != 0 && !is_multicast(address));
  CHECK_INVARIANT(o.tracker.peer_timeout_s > o.tracker.interval_s * (1 + o.tracker.interval_jitter));
  CHECK_INVARIANT(o.tracker.interval_jitter >= 0 && o.tracker.interval_jitter <= 0.5);
  CHECK_INVARIANT(o.tracker.numwant_default <= o.tracker.numwant_max && o.tracker.numwant_max <= 1000);
  CHECK_INVARIANT(!o.sync.listen || o.sync.insecure == o.sync.key_files.empty());
  CHECK_INVARIANT(o.sync.listen || (o.sync.peers.empty() && o.sync.multicast.empty()));
  CHECK_INVARIANT(is_name(o.sync.cluster) && o.sync.peers.size() <= 256 && o.sync.key_files.size() <= 16);
  for (const auto& group : o.sync.multicast) CHECK_INVARIANT(is_multicast(group.group));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  OptionSources sources;
  sources.file_name = "file";
  sources.file_text = std::string(reinterpret_cast<const char*>(data), size);
  sources.host_name = "host";
  const auto options = resolve_options(sources);
  if (options) {
    check_read(*options);
  } else {
    check_error(options.error().message);
  }
  return 0;
}
