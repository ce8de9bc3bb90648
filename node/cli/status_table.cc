#include "node/cli/status_table.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <vector>

#include "node/text/amount_text.h"
#include "node/text/json_field.h"
#include "node/text/text_table.h"

namespace shoal::node {

namespace {

using nlohmann::json;

constexpr size_t kMembersMax = 1024;
constexpr size_t kKeysMax = 160;  // 16 keys
constexpr size_t kNameWidthMax = 20;
constexpr size_t kReasonMax = 1000;
constexpr size_t kStrangersMax = 8;
constexpr size_t kInterfacesMax = 16;

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
  const double ms = us.get<double>() / 1000;
  const bool small = std::abs(ms) < 10'000;
  char text[48];
  std::snprintf(text, sizeof text, "%.1f %s", small ? ms : ms / 1000, small ? "ms" : "s");
  return text;
}

// "+3 ms", "-12 s".
std::string clock_difference(const json& ms) {
  if (!ms.is_number_integer()) return "-";
  if (ms == 0) return "0 ms";
  const double difference = ms.get<double>();
  const bool small = std::abs(difference) < 10'000;
  char text[48];
  std::snprintf(text, sizeof text, "%+.0f %s", small ? difference : difference / 1000, small ? "ms" : "s");
  return text;
}

std::string amount(const json& number) {
  return number.is_number_unsigned() ? amount_text(number.get<double>()) : "-";
}

// A text that says something.
bool says(const json& text) { return text.is_string() && !text.get_ref<const std::string&>().empty(); }

Tone tone_of_state(const std::string& state) {
  if (state == "ready" || state == "alive") return Tone::good;
  if (state == "down" || state == "refused" || state == "one_way" || state == "not ready") return Tone::bad;
  return state == "suspect" ? Tone::warning : Tone::plain;
}

TextCell state_cell(const std::string& state) { return {state, tone_of_state(state)}; }

TextCell synced_cell(const std::string& synced) {
  return {synced, synced == "no" ? Tone::warning : Tone::plain};
}

TextCell name_cell(const json& node) { return shortened(text_of(field(node, "name")), kNameWidthMax); }

const TextRow kMemberTitles = {"NAME", "STATE", "SYNCED", "ADDRESS", "HEARD"};

TextRow node_row(const json& node, const json& pulls) {
  const json& ready = field(node, "ready");
  const json& phase = field(pulls, "phase");
  return {name_cell(node),
          state_cell(!ready.is_boolean() ? "-"
                     : ready.get<bool>() ? "ready"
                                         : "not ready"),
          synced_cell(!phase.is_string()  ? "-"
                      : phase == "synced" ? "yes"
                                          : "no"),
          "(this node)", "up " + seconds(field(node, "uptime_s"))};
}

TextRow member_row(const json& member) {
  return {name_cell(member), state_cell(text_of(field(member, "state"))),
          synced_cell(yes_no_of(field(member, "synced"))), text_of(field(member, "address")),
          milliseconds_ago(field(member, "heard_ago_ms"))};
}

const TextRow kLinkTitles = {"NAME",  "LAG",       "ROUND TRIP", "LOSS IN", "LOSS OUT",
                             "CLOCK", "MULTICAST", "LOST",       "DELTAS"};

TextRow link_row(const json& member) {
  return {name_cell(member),
          milliseconds(field(member, "lag_us")),
          milliseconds(field(member, "round_trip_us")),
          percent(field(member, "loss_in_permille")),
          percent(field(member, "loss_out_permille")),
          clock_difference(field(member, "clock_offset_ms")),
          yes_no_of(field(member, "multicast")),
          amount(field(member, "lost")),
          amount(field(member, "deltas_received"))};
}

// What a line about the member adds to its rows.
std::string notes_on(const json& member, const std::string& our_keys) {
  const std::string name = text_of(field(member, "name"));
  std::string out;
  if (says(field(member, "namesake")))
    out +=
        "another node has the name " + name + " and is refused: " + text_of(field(member, "namesake")) + "\n";
  if (says(field(member, "refused")))
    out += name + " is refused: " + text_of(field(member, "refused"), kReasonMax) + "\n";
  const std::string keys = text_of(field(member, "keys"), kKeysMax);
  if (keys != our_keys && keys != "-" && !keys.empty()) out += name + " has other keys: " + keys + "\n";
  return out;
}

// A message of several lines as one.
json in_one_line(std::string text) {
  for (size_t at = text.find('\n'); at != std::string::npos; at = text.find('\n', at))
    text.replace(at, 1, "; ");
  return text;
}

// What the operator should know before the table.
std::string warnings_of(const json& status, bool colour) {
  std::string out;
  const json& node = field(status, "node");
  const json& ready = field(node, "ready");
  if (ready.is_boolean() && !ready.get<bool>())
    out += toned("not ready: " + text_of(field(node, "reason"), kReasonMax), Tone::bad, colour) + "\n";
  if (says(field(node, "alone")) && ready.is_boolean() && ready.get<bool>())
    out += toned("alone: " + text_of(field(node, "alone"), kReasonMax), Tone::warning, colour) + "\n";
  if (says(field(node, "namesake"))) {
    const std::string where = text_of(field(node, "namesake"));
    out += toned("another node has the name of this one and is refused: " + where, Tone::bad, colour) + "\n";
  }
  const json& strangers = field(status, "strangers");
  for (size_t i = 0; strangers.is_array() && i < std::min(strangers.size(), kStrangersMax); ++i) {
    const std::string what =
        text_of(field(strangers[i], "address")) + " " + text_of(field(strangers[i], "text"), kReasonMax);
    out += toned(what, Tone::warning, colour) + "\n";
  }
  const json& reload = field(status, "reload");
  const json& error = field(reload, "error");
  if (error.is_string() && !error.get_ref<const std::string&>().empty()) {
    const std::string reason = text_of(in_one_line(error.get<std::string>()), kReasonMax);
    out += toned("the last reload failed, everything stays as it was: " + reason, Tone::bad, colour) + "\n";
  }
  std::string options;
  const json& need_restart = field(reload, "need_restart");
  if (need_restart.is_array()) {
    for (const json& option : need_restart) options += (options.empty() ? "" : ", ") + text_of(option);
  }
  if (!options.empty()) {
    if (options.size() > kReasonMax) options.replace(kReasonMax, std::string::npos, "...");
    out += toned("options have changed that need a restart: " + options, Tone::warning, colour) + "\n";
  }
  return out;
}

// Of the swarms and peers; empty where no limit is known.
std::string memory_of(const json& status) {
  const auto limit = count(status, "memory_limit_bytes");
  if (limit == 0) return "";
  return "memory " + amount_text(static_cast<double>(count(status, "memory_bytes"))) + "B of " +
         amount_text(static_cast<double>(limit)) + "B\n";
}

// A line for each interface of the shield; empty where there is none.
std::string shield_of(const json& status, bool colour) {
  const json& xdp = field(status, "xdp");
  const json& interfaces = field(xdp, "interfaces");
  std::string out;
  for (size_t i = 0; interfaces.is_array() && i < std::min(interfaces.size(), kInterfacesMax); ++i) {
    const std::string name = text_of(field(interfaces[i], "interface"));
    if (field(interfaces[i], "attached") == true) {
      out += "shield on " + name + " (" + text_of(field(interfaces[i], "mode")) + ")\n";
    } else {
      std::string text = "no shield on " + name;
      text += ": " + text_of(field(interfaces[i], "trouble"), kReasonMax);
      out += toned(text, Tone::warning, colour) + "\n";
    }
  }
  if (out.empty()) return out;
  const json& packets = field(xdp, "packets");
  uint64_t dropped = 0;
  if (packets.is_object()) {
    for (const auto& [decision, datagrams] : packets.items()) {
      if (decision.starts_with("dropped_") && datagrams.is_number_unsigned())
        dropped += datagrams.get<uint64_t>();
    }
  }
  return out + "shield: " + amount_text(static_cast<double>(count(packets, "connect_answered"))) +
         " connects answered, " + amount_text(static_cast<double>(dropped)) + " datagrams dropped\n";
}

}  // namespace

std::string status_table(const json& status, bool colour) {
  const json& node = field(status, "node");
  const json& peers = field(status, "peers");
  const json& members = field(status, "members");
  const auto both = [&](const std::string& kind) {
    return std::to_string(count(peers, (kind + "_v4").c_str()) + count(peers, (kind + "_v6").c_str()));
  };
  std::string out = "shoal " + text_of(field(node, "version")) + ", cluster " +
                    text_of(field(node, "cluster")) + ": " + number_of(field(status, "swarms")) +
                    " swarms, " + both("seeders") + " seeders, " + both("leechers") + " leechers, " +
                    per_second(field(status, "announces_per_s")) + " announces\n" + memory_of(status);
  const std::string keys = text_of(field(field(status, "keys"), "ids"), kKeysMax);
  if (keys != "-" && !keys.empty()) out += "keys " + keys + "\n";
  out += shield_of(status, colour) + warnings_of(status, colour);
  std::vector<TextRow> rows = {kMemberTitles, node_row(node, field(status, "pulls"))};
  std::vector<TextRow> links = {kLinkTitles};
  std::string notes;
  const size_t all = members.is_array() ? members.size() : 0;
  for (size_t i = 0; i < std::min(all, kMembersMax); ++i) {
    rows.push_back(member_row(members[i]));
    links.push_back(link_row(members[i]));
    notes += notes_on(members[i], keys);
  }
  out += "\n" + text_table(rows, colour) + notes;
  if (all > kMembersMax) out += "and " + std::to_string(all - kMembersMax) + " more members\n";
  if (all > 0) out += "\n" + text_table(links, colour);
  return out;
}

}  // namespace shoal::node
