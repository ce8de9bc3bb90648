#include "node/cli/answer_text.h"

#include <algorithm>
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
    out += padded(text_of(field(change, "change")), 6) + " " + text_of(field(change, "info_hash")) + "\n";
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
