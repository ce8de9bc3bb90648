#include "node/cli/status_table.h"

#include <algorithm>
#include <cstdio>
#include <vector>

#include "node/text/amount_text.h"
#include "node/text/json_field.h"
#include "node/text/text_table.h"

namespace shoal::node {

namespace {

using nlohmann::json;

constexpr size_t kMembersMax = 1024;
constexpr size_t kKeysCellMax = 160;  // 16 keys
constexpr size_t kReasonMax = 200;

std::string seconds(const json& value) {
  return value.is_number_unsigned() ? seconds_text(value.get<uint64_t>()) : "-";
}

std::string milliseconds_ago(const json& value) {
  if (!value.is_number_unsigned()) return "-";
  const auto ms = value.get<uint64_t>();
  return ms < 10'000 ? std::to_string(ms) + " ms ago" : seconds_text(ms / 1000) + " ago";
}

std::string per_second(const json& rate) {
  if (!rate.is_number() || !(rate.get<double>() >= 0)) return "-/s";
  return amount_text(rate.get<double>()) + "/s";
}

uint64_t count(const json& peers, const char* key) {
  const json& value = field(peers, key);
  return value.is_number_unsigned() ? value.get<uint64_t>() : 0;
}

std::string percent(const json& permille) {
  return permille.is_number_unsigned() ? permille_text(permille.get<uint64_t>()) : "-";
}

// 0: not measured yet.
std::string milliseconds(const json& us) {
  if (!us.is_number_integer() || us == 0) return "-";
  char text[48];
  std::snprintf(text, sizeof text, "%.1f ms", us.get<double>() / 1000);
  return text;
}

bool is_refused(const json& member) {
  const json& why = field(member, "refused");
  return why.is_string() && !why.get_ref<const std::string&>().empty();
}

const TextRow kTitles = {"NAME",    "STATE",    "SYNCED",    "ADDRESS", "HEARD",  "LAG",   "ROUND TRIP",
                         "LOSS IN", "LOSS OUT", "MULTICAST", "LOST",    "DELTAS", "CLOCK", "KEYS"};

TextRow node_row(const json& node, const json& pulls, const json& keys) {
  const json& ready = field(node, "ready");
  const json& phase = field(pulls, "phase");
  const std::string state = !ready.is_boolean() ? "-" : ready.get<bool>() ? "ready" : "not ready";
  return {text_of(field(node, "name")),
          state,
          !phase.is_string()  ? "-"
          : phase == "synced" ? "yes"
                              : "no",
          "(this node)",
          "up " + seconds(field(node, "uptime_s")),
          "",
          "",
          "",
          "",
          "",
          "",
          "",
          "",
          text_of(field(keys, "ids"), kKeysCellMax)};
}

TextRow member_row(const json& member) {
  const json& clock = field(member, "clock_offset_ms");
  const std::string sign = clock.is_number_unsigned() && clock.get<uint64_t>() > 0 ? "+" : "";
  return {text_of(field(member, "name")),
          is_refused(member) ? "refused" : text_of(field(member, "state")),
          yes_no_of(field(member, "synced")),
          text_of(field(member, "address")),
          milliseconds_ago(field(member, "heard_ago_ms")),
          milliseconds(field(member, "lag_us")),
          milliseconds(field(member, "round_trip_us")),
          percent(field(member, "loss_in_permille")),
          percent(field(member, "loss_out_permille")),
          yes_no_of(field(member, "multicast")),
          number_of(field(member, "lost")),
          number_of(field(member, "deltas_received")),
          sign + number_of(clock) + " ms",
          text_of(field(member, "keys"), kKeysCellMax)};
}

}  // namespace

std::string status_table(const json& status) {
  const json& node = field(status, "node");
  const json& peers = field(status, "peers");
  const json& members = field(status, "members");
  const auto both = [&](const std::string& kind) {
    return std::to_string(count(peers, (kind + "_v4").c_str()) + count(peers, (kind + "_v6").c_str()));
  };
  std::string out = "shoal " + text_of(field(node, "version")) + ", cluster " +
                    text_of(field(node, "cluster")) + ": " + number_of(field(status, "swarms")) +
                    " swarms, " + both("seeders") + " seeders, " + both("leechers") + " leechers, " +
                    per_second(field(status, "announces_per_s")) + " announces\n";
  const json& ready = field(node, "ready");
  if (ready.is_boolean() && !ready.get<bool>())
    out += "not ready: " + text_of(field(node, "reason"), kReasonMax) + "\n";
  std::vector<TextRow> rows = {kTitles, node_row(node, field(status, "pulls"), field(status, "keys"))};
  std::string refused;
  const size_t all = members.is_array() ? members.size() : 0;
  for (size_t i = 0; i < std::min(all, kMembersMax); ++i) {
    const json& member = members[i];
    rows.push_back(member_row(member));
    if (is_refused(member))
      refused += text_of(field(member, "name")) +
                 " is refused: " + text_of(field(member, "refused"), kReasonMax) + "\n";
  }
  out += "\n" + text_table(rows) + refused;
  if (all > kMembersMax) out += "and " + std::to_string(all - kMembersMax) + " more members\n";
  return out;
}

}  // namespace shoal::node
