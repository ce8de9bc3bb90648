#include "node/status_table.h"

#include <algorithm>
#include <cstdio>
#include <vector>

#include "node/amount_text.h"
#include "node/printable.h"

namespace shoal::node {

namespace {

using nlohmann::json;

constexpr int kDepthMax = 32;  // printing is recursive
constexpr size_t kMembersMax = 1024;
constexpr size_t kCellMax = 64;
constexpr size_t kKeysCellMax = 160;  // 16 keys

const json& field(const json& object, const char* key) {
  static const json kNone;
  if (!object.is_object()) return kNone;
  const auto found = object.find(key);
  return found == object.end() ? kNone : *found;
}

std::string text(const json& value, size_t bytes_max = kCellMax) {
  return value.is_string() ? printable(value.get_ref<const std::string&>(), bytes_max) : "-";
}

std::string number(const json& value) {
  if (value.is_number_unsigned()) return std::to_string(value.get<uint64_t>());
  if (value.is_number_integer()) return std::to_string(value.get<int64_t>());
  return "-";
}

std::string yes_no(const json& value) { return !value.is_boolean() ? "-" : value.get<bool>() ? "yes" : "no"; }

std::string seconds(const json& value) {
  return value.is_number_unsigned() ? seconds_text(value.get<uint64_t>()) : "-";
}

std::string milliseconds_ago(const json& value) {
  if (!value.is_number_unsigned()) return "-";
  const auto ms = value.get<uint64_t>();
  return ms < 10'000 ? std::to_string(ms) + " ms ago" : seconds_text(ms / 1000) + " ago";
}

uint64_t count(const json& peers, const char* key) {
  const json& value = field(peers, key);
  return value.is_number_unsigned() ? value.get<uint64_t>() : 0;
}

using Row = std::vector<std::string>;

Row node_row(const json& node, const json& keys) {
  const json& ready = field(node, "ready");
  const std::string state = !ready.is_boolean() ? "-" : ready.get<bool>() ? "ready" : "not ready";
  return {text(field(node, "name")),
          state,
          "(this node)",
          "up " + seconds(field(node, "uptime_s")),
          "",
          "",
          "",
          "",
          "",
          text(field(keys, "ids"), kKeysCellMax)};
}

Row member_row(const json& member) {
  const json& clock = field(member, "clock_offset_ms");
  const std::string sign = clock.is_number_unsigned() && clock.get<uint64_t>() > 0 ? "+" : "";
  return {text(field(member, "name")),
          text(field(member, "state")),
          text(field(member, "address")),
          milliseconds_ago(field(member, "heard_ago_ms")),
          yes_no(field(member, "multicast")),
          number(field(member, "datagrams_received")),
          number(field(member, "deltas_received")),
          number(field(member, "lost")),
          sign + number(clock) + " ms",
          text(field(member, "keys"), kKeysCellMax)};
}

std::string aligned(const std::vector<Row>& rows) {
  Row::size_type columns = rows.front().size();
  std::vector<size_t> widths(columns, 0);
  for (const Row& row : rows) {
    for (size_t i = 0; i < columns; ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  std::string out;
  for (const Row& row : rows) {
    std::string line;
    for (size_t i = 0; i < columns; ++i) line += row[i] + std::string(widths[i] - row[i].size() + 2, ' ');
    line.erase(line.find_last_not_of(' ') + 1);
    out += line + "\n";
  }
  return out;
}

}  // namespace

common::Result<json> parse_status(std::string_view text) {
  bool too_deep = false;
  const auto check_depth = [&](int depth, json::parse_event_t, json&) {
    too_deep = too_deep || depth > kDepthMax;
    return !too_deep;
  };
  json status = json::parse(text, check_depth, false);
  if (too_deep || !status.is_object()) return common::fail("the answer is not that of a shoal node");
  return status;
}

std::string status_table(const json& status) {
  const json& node = field(status, "node");
  const json& peers = field(status, "peers");
  const json& members = field(status, "members");
  const auto both = [&](const std::string& kind) {
    return std::to_string(count(peers, (kind + "_v4").c_str()) + count(peers, (kind + "_v6").c_str()));
  };
  std::string out = "shoal " + text(field(node, "version")) + ", cluster " + text(field(node, "cluster")) +
                    ": " + number(field(status, "swarms")) + " swarms, " + both("seeders") + " seeders, " +
                    both("leechers") + " leechers\n";
  const json& ready = field(node, "ready");
  if (ready.is_boolean() && !ready.get<bool>())
    out += "not ready: " + text(field(node, "reason"), 200) + "\n";
  std::vector<Row> rows = {
      {"NAME", "STATE", "ADDRESS", "HEARD", "MULTICAST", "DATAGRAMS", "DELTAS", "LOST", "CLOCK", "KEYS"},
      node_row(node, field(status, "keys"))};
  const size_t all = members.is_array() ? members.size() : 0;
  for (size_t i = 0; i < std::min(all, kMembersMax); ++i) rows.push_back(member_row(members[i]));
  out += "\n" + aligned(rows);
  if (all > kMembersMax) out += "and " + std::to_string(all - kMembersMax) + " more members\n";
  return out;
}

}  // namespace shoal::node
