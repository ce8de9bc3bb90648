// What operators' scripts write: lines of the access list, the file of run-time changes, networks. Lines are
// the same however the text is split; what is accepted reads back the same from its printed form.

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/check.h"
#include "common/network.h"
#include "node/access/access_list.h"
#include "node/access/access_state.h"
#include "node/access/line_file.h"
#include "node/access/network_file.h"

using namespace shoal;

namespace {

std::vector<std::string> lines_of(std::string_view text, size_t step) {
  std::vector<std::string> lines;
  node::LineSplitter splitter;
  for (size_t at = 0; at < text.size(); at += step) {
    splitter.feed(text.substr(at, step), [&](std::string_view line) {
      lines.emplace_back(line);
      return true;
    });
  }
  lines.emplace_back(splitter.rest());
  return lines;
}

void check_lines(std::string_view text) {
  const std::vector<std::string> lines = lines_of(text, text.size() + 1);
  CHECK_INVARIANT(lines == lines_of(text, 1 + text.size() % 7));
  std::vector<common::InfoHash> hashes;
  for (const std::string& line : lines) {
    CHECK_INVARIANT(line.size() <= node::LineSplitter::kLineMax + 1 && line.find('\n') == std::string::npos);
    common::InfoHash hash;
    if (node::read_access_line(line, hash) != node::AccessLine::hash) continue;
    common::InfoHash again;
    CHECK_INVARIANT(node::read_access_line(common::to_hex(hash), again) == node::AccessLine::hash);
    CHECK_INVARIANT(again == hash);
    hashes.push_back(hash);
  }
  const node::AccessList list(hashes);
  CHECK_INVARIANT(list.size() <= hashes.size());
  for (const common::InfoHash& hash : hashes) CHECK_INVARIANT(list.contains(hash));
}

void check_state(std::string_view text) {
  const auto log = node::parse_access_state("file", text);
  if (!log) return;
  const auto again = node::parse_access_state("file", node::format_access_state(*log));
  CHECK_INVARIANT(again && again->size() == log->size() && again->digest() == log->digest());
}

// A set of the lines' ranges holds the ends of all of them.
void check_ranges(std::string_view text) {
  common::NetworkSet::Builder builder;
  std::vector<common::AddressRange> ranges;
  for (const std::string& line : lines_of(text, text.size() + 1)) {
    common::AddressRange range;
    if (node::read_network_line(line, range) != node::NetworkLine::range) continue;
    ranges.push_back(range);
    builder.add(range);
  }
  const common::NetworkSet set(std::move(builder));
  for (const common::AddressRange& range : ranges) {
    CHECK_INVARIANT(set.contains(range.first) && set.contains(range.last));
  }
}

void check_network(std::string_view text) {
  const auto network = common::parse_network(text);
  if (!network) return;
  CHECK_INVARIANT(common::parse_network(common::to_string(*network)) == network);
  CHECK_INVARIANT(common::NetworkSet(std::span(&*network, 1)).contains(network->address));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  check_lines(text);
  check_ranges(text);
  check_state(text);
  check_network(text.substr(0, text.find('\n')));
  return 0;
}
