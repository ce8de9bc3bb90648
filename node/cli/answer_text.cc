#include "node/cli/answer_text.h"

#include <algorithm>
#include <ctime>
#include <vector>

#include "node/text/amount_text.h"
#include "node/text/json_field.h"
#include "node/text/text_table.h"

namespace shoal::node {

using nlohmann::json;

namespace {

constexpr size_t kReasonBytesMax = 200;

std::string yes_or(const json& value, const char* yes, const char* no) {
  return !value.is_boolean() ? "-" : value.get<bool>() ? yes : no;
}

std::string padded(std::string text, size_t width) {
  text.resize(std::max(text.size(), width), ' ');
  return text;
}

// Milliseconds since the Unix epoch as "2026-11-30 04:20:00"; "-" if it is anything else.
std::string utc_text(const json& value) {
  if (!value.is_number_integer()) return "-";
  const auto unix_s = static_cast<time_t>(value.get<int64_t>() / 1000);
  tm utc{};
  char text[32];
  if (gmtime_r(&unix_s, &utc) == nullptr || std::strftime(text, sizeof text, "%F %T", &utc) == 0) return "-";
  return text;
}

// The list `key` of a document; an empty list if it is anything else.
const json& list(const json& document, const char* key) {
  static const json kNone = json::array();
  const json& found = field(document, key);
  return found.is_array() ? found : kNone;
}

}  // namespace

std::string access_changes_text(const json& document) {
  const json& changes = list(document, "changes");
  std::string out = "mode " + text_of(field(document, "mode")) + ", " +
                    number_of(field(document, "file_entries")) + " from the file, " +
                    std::to_string(changes.size()) + " changed at run time\n";
  for (const json& change : changes) {
    out += padded(text_of(field(change, "change")), 6) + " " + text_of(field(change, "info_hash")) + " by " +
           text_of(field(change, "node")) + "\n";
  }
  return out;
}

std::string access_verdicts_text(const json& document) {
  std::string out;
  for (const json& verdict : list(document, "hashes")) {
    out += text_of(field(verdict, "info_hash")) + " " +
           yes_or(field(verdict, "listed"), "listed", "not listed") + ", " +
           yes_or(field(verdict, "allowed"), "served", "not served") + "\n";
  }
  return out;
}

std::string bans_text(const json& document) {
  const json& bans = list(document, "bans");
  std::string out = "mode " + text_of(field(document, "mode")) + ", " +
                    number_of(field(document, "in_force")) + " banned, " +
                    number_of(field(document, "would_be_in_force")) + " more would be if it were on\n";
  if (bans.empty()) return out;
  std::vector<TextRow> rows = {{"CLIENT", "BANNED", "OFFENCE", "ENDS", "IN_A_ROW", "BY"}};
  for (const json& ban : bans) {
    const json& level = field(ban, "level");
    rows.push_back({text_of(field(ban, "client")), yes_or(field(ban, "would_be"), "would be", "yes"),
                    text_of(field(ban, "offence")), utc_text(field(ban, "ends_unix_ms")),
                    level.is_number_unsigned() ? std::to_string(level.get<uint64_t>() + 1) : "-",
                    text_of(field(ban, "node"))});
  }
  return out + text_table(rows, false);
}

std::string ban_explained_text(const json& document) {
  std::string out =
      text_of(field(document, "client")) + ": " + yes_or(field(document, "banned"), "banned", "not banned");
  if (yes_or(field(document, "would_be"), "y", "n") == "y") out += ", would be if bans.mode were on";
  if (yes_or(field(document, "exempt"), "y", "n") == "y") out += ", exempt by bans.exempt or as a proxy";
  out += " (bans.mode " + text_of(field(document, "mode")) + ")\n";
  for (const char* key : {"ban", "dry_ban"}) {
    const json& ban = field(document, key);
    if (!ban.is_object()) continue;
    out += std::string(yes_or(field(ban, "would_be"), "last ban that would have been: ", "last ban: ")) +
           text_of(field(ban, "offence")) + ", made " + utc_text(field(ban, "made_unix_ms")) + " by " +
           text_of(field(ban, "node")) + ", ends " + utc_text(field(ban, "ends_unix_ms")) +
           (yes_or(field(ban, "lifted"), "y", "n") == "y" ? ", lifted" : "") + "\n";
  }
  out += "the next ban would last " + number_of(field(document, "next_ban_s")) + " s; " +
         number_of(field(document, "clients_behind_it")) + " clients seen behind it\n";
  std::vector<TextRow> rows = {{"OFFENCE", "SCORE", "THRESHOLD"}};
  for (const json& score : list(document, "scores")) {
    const json& permille = field(score, "score_permille");
    const std::string percent =
        permille.is_number_unsigned() ? std::to_string(permille.get<uint64_t>() / 10) + " %" : "-";
    const json& threshold = field(score, "threshold");
    rows.push_back({text_of(field(score, "offence")), percent,
                    threshold == 0 ? std::string("not counted") : number_of(threshold)});
  }
  return out + text_table(rows, false);
}

std::string top_text(const json& document, bool colour) {
  if (!field(document, "unix_ms").is_number())
    return "no result yet: the node has begun to search; try again in a few seconds\n";
  std::vector<TextRow> rows = {{"INFO_HASH", "SEEDERS", "LEECHERS", "COMPLETED"}};
  for (const json& swarm : list(document, "swarms")) {
    rows.push_back({text_of(field(swarm, "info_hash")), number_of(field(swarm, "seeders")),
                    number_of(field(swarm, "leechers")), number_of(field(swarm, "completed"))});
  }
  return text_table(rows, colour);
}

std::string feeds_text(const json& document, const std::string& name, bool colour) {
  const auto seconds = [](const json& value, int64_t per_s) {
    const bool usable = value.is_number_integer() && value.get<int64_t>() >= 0;
    return usable ? seconds_text(static_cast<uint64_t>(value.get<int64_t>() / per_s)) : std::string("-");
  };
  std::vector<TextRow> rows = {{"FEED", "KIND", "ENTRIES", "AGE", "LAST", "NEXT", "PLACE"}};
  std::string notes;
  for (const json& feed : list(document, "feeds")) {
    const std::string feed_name = text_of(field(feed, "name"));
    if (!name.empty() && feed_name != name) continue;
    const json& fetching = field(feed, "fetching");
    const bool now = fetching.is_boolean() && fetching.get<bool>();
    const std::string last = text_of(field(feed, "result"));
    rows.push_back({feed_name, text_of(field(feed, "kind")), number_of(field(feed, "entries")),
                    seconds(field(feed, "age_s"), 1),
                    TextCell(last, last == "failed" ? Tone::bad : Tone::plain),
                    now ? "now" : seconds(field(feed, "next_in_ms"), 1000), text_of(field(feed, "place"))});
    for (const char* key : {"reason", "copy_error"}) {
      const json& why = field(feed, key);
      if (why.is_string() && !why.get_ref<const std::string&>().empty())
        notes += feed_name + ": " + text_of(why, kReasonBytesMax) + "\n";
    }
  }
  if (rows.size() == 1) return name.empty() ? "access.feeds names none\n" : "there is no feed of this name\n";
  return text_table(rows, colour) + notes;
}

std::string result_text(const json& document) { return text_of(field(document, "result"), kReasonBytesMax); }

}  // namespace shoal::node
