#include "node/access/access_state.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <vector>

#include "common/hex.h"
#include "proto/sync_packet.h"

namespace shoal::node {

namespace {

constexpr std::string_view kFormat = "shoal-access-1";

std::string_view take_line(std::string_view& text) {
  const size_t end = std::min(text.find('\n'), text.size());
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(std::min(text.size(), end + 1));
  return line;
}

std::string_view take_word(std::string_view& line) {
  const size_t end = std::min(line.find(' '), line.size());
  const std::string_view word = line.substr(0, end);
  line.remove_prefix(std::min(line.size(), end + 1));
  return word;
}

template <class Number>
bool read_number(std::string_view word, int base, Number& out) {
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), out, base);
  return error == std::errc() && end == word.data() + word.size();
}

constexpr std::string_view kForget = "forget ";

// "UNIX_MS NODE_ID".
std::optional<proto::ChangeStamp> parse_stamp(std::string_view line) {
  proto::ChangeStamp stamp;
  const bool timed = read_number(take_word(line), 10, stamp.unix_ms) && stamp.unix_ms >= 0;
  // Later than the sync channel can say: it is as good as never, and no reason not to start.
  stamp.unix_ms = std::min(stamp.unix_ms, proto::kSyncTimeMaxMs);
  const std::string_view id = take_word(line);
  if (!timed || id.size() != 16 || !read_number(id, 16, stamp.node_id) || !line.empty()) return std::nullopt;
  return stamp;
}

std::optional<proto::AccessChange> parse_change(std::string_view line) {
  const auto hash = common::info_hash_from_hex(take_word(line));
  const std::string_view verb = take_word(line);
  const auto stamp = parse_stamp(line);
  if (!hash || !stamp || (verb != "add" && verb != "remove")) return std::nullopt;
  return proto::AccessChange{*hash, verb == "add", *stamp};
}

}  // namespace

std::string format_access_state(std::span<const proto::AccessChange> changes,
                                std::span<const proto::ForgottenOrigin> forgotten) {
  std::string text(kFormat);
  text += '\n';
  for (const proto::AccessChange& change : changes) {
    text += common::to_hex(change.info_hash) + (change.listed ? " add " : " remove ") +
            std::to_string(change.stamp.unix_ms) + " " + common::node_id_text(change.stamp.node_id) + "\n";
  }
  for (const proto::ForgottenOrigin& origin : forgotten) {
    text += std::string(kForget) + std::to_string(origin.up_to_ms) + " " +
            common::node_id_text(origin.node_id) + "\n";
  }
  return text;
}

std::string format_access_state(const sync::AccessLog& log) {
  AccessLogCopy copy;
  while (copy.step(log)) {
  }
  return format_access_state(copy.take(), log.origins());
}

common::Result<sync::AccessLog> parse_access_state(const std::string& name, std::string_view text) {
  if (take_line(text) != kFormat) {
    return common::fail(name + ":1: is not an access state: the first line must be \"" +
                        std::string(kFormat) + "\"");
  }
  sync::AccessLog log;
  std::vector<proto::ForgottenOrigin> forgotten;
  for (size_t number = 2; !text.empty(); ++number) {
    const std::string where = name + ":" + std::to_string(number) + ": ";
    std::string_view line = take_line(text);
    if (line.starts_with(kForget)) {
      line.remove_prefix(kForget.size());
      const auto origin = parse_stamp(line);
      if (!origin) return common::fail(where + "is not what is forgotten (forget UNIX_MS NODE_ID)");
      forgotten.push_back({origin->node_id, origin->unix_ms});
      continue;
    }
    const auto change = parse_change(line);
    if (!change) return common::fail(where + "is not a change (HASH add|remove UNIX_MS NODE_ID)");
    if (log.restore(*change) == sync::AccessLog::Merged::full) {
      return common::fail(where + "more than " + std::to_string(sync::AccessLog::kChangesMax) + " changes");
    }
  }
  log.restore_origins(forgotten);
  return log;
}

}  // namespace shoal::node
