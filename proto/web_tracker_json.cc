#include "proto/web_tracker_json.h"

#include <utility>

#include "proto/json_reader.h"

namespace shoal::proto {

namespace {

// Reads one message. Members may come in any order, so that what each of them is worth is known at the end.
class WebRequestReader {
 public:
  WebRequestReader(std::string_view text, size_t offers_max, WebRequest& request)
      : json_(text), offers_max_(offers_max), request_(request) {}

  WebRequestError read() {
    if (json_.kind() != JsonKind::object) return WebRequestError::json;
    json_.object([this](std::string_view key) { member(key); });
    if (!json_.finish()) return WebRequestError::json;
    return judge();
  }

 private:
  void member(std::string_view key) {
    if (key == "action") return action();
    if (key == "info_hash") return info_hash();
    if (key == "peer_id") return binary(request_.announce.peer_id, peer_id_);
    if (key == "offer_id") return binary(offer_id_, has_offer_id_);
    if (key == "left") return left();
    if (key == "event") return event();
    if (key == "offers") return offers();
    if (key == "answer") return answer();
    json_.skip();
  }

  // A string, or nothing for any other value.
  std::optional<std::string_view> text() {
    if (json_.kind() != JsonKind::string) {
      json_.skip();
      return std::nullopt;
    }
    return json_.string();
  }

  void binary(std::array<uint8_t, 20>& to, bool& read) {
    const auto written = text();
    const auto bytes = written ? json_binary20(*written) : std::nullopt;
    read = bytes.has_value();
    if (bytes) to = *bytes;
  }

  void action() {
    const auto word = text();
    request_.action = word == "announce" ? WebAction::announce
                      : word == "scrape" ? WebAction::scrape
                                         : WebAction::none;
  }

  void one_hash() {
    bool read = false;
    common::InfoHash hash;
    binary(hash.bytes, read);
    hashes_good_ = hashes_good_ && read;
    if (request_.info_hashes.size() == kWebScrapeMax) {
      too_many_hashes_ = true;
    } else if (read) {
      request_.info_hashes.push_back(hash);
    }
  }

  void info_hash() {
    request_.info_hashes.clear();
    too_many_hashes_ = false;
    hashes_good_ = true;
    list_of_hashes_ = json_.kind() == JsonKind::array;
    if (list_of_hashes_) {
      json_.array([this] { one_hash(); });
    } else {
      one_hash();
    }
  }

  // Clients that do not know it send nothing, or null, which is what JavaScript makes of Infinity.
  void left() {
    request_.announce.left = kLeftUnknown;
    if (json_.kind() != JsonKind::number) return json_.skip();
    const auto value = json_.number();
    if (value && *value >= 0 && *value < 0x1p63) {
      request_.announce.left = *value > 0 && *value < 1 ? 1 : static_cast<uint64_t>(*value);
    }
  }

  void event() {
    const bool is_text = json_.kind() == JsonKind::string;
    const auto word = text().value_or("");
    Event& event = request_.announce.event;
    event = Event::none;
    event_good_ = true;
    if (word == "started") {
      event = Event::started;
    } else if (word == "stopped") {
      event = Event::stopped;
    } else if (word == "completed") {
      event = Event::completed;
    } else if (word == "paused") {
      event = Event::paused;
    } else {
      event_good_ = !is_text || word.empty() || word == "update" || word == "empty";
    }
  }

  // {"type": ..., "sdp": "..."}: the text of the sdp; empty: it is not that.
  std::string_view description(std::string_view type) {
    std::string_view sdp;
    bool type_good = false;
    if (json_.kind() != JsonKind::object) {
      json_.skip();
      return {};
    }
    json_.object([&](std::string_view key) {
      if (key == "type") {
        type_good = text() == type;
      } else if (key == "sdp") {
        sdp = text().value_or("");
      } else {
        json_.skip();
      }
    });
    return type_good && sdp.size() <= kWebSdpMax ? sdp : std::string_view();
  }

  void offers() {
    request_.offers.clear();
    offers_good_ = true;
    if (json_.kind() != JsonKind::array) return json_.skip();
    json_.array([this] {
      if (request_.offers.size() >= offers_max_) return json_.skip();
      one_offer();
    });
  }

  void one_offer() {
    WebOffer offer;
    bool has_id = false;
    if (json_.kind() == JsonKind::object) {
      json_.object([&](std::string_view key) {
        if (key == "offer") {
          offer.sdp = description("offer");
        } else if (key == "offer_id") {
          binary(offer.offer_id, has_id);
        } else {
          json_.skip();
        }
      });
    } else {
      json_.skip();
    }
    if (has_id && !offer.sdp.empty()) {
      request_.offers.push_back(offer);
    } else {
      offers_good_ = false;
    }
  }

  void answer() {
    request_.answer.reset();
    answer_good_ = true;
    if (json_.kind() != JsonKind::object) return json_.skip();
    request_.answer.emplace();
    request_.answer->sdp = description("answer");
    answer_good_ = !request_.answer->sdp.empty();
  }

  WebRequestError judge() {
    if (request_.action == WebAction::none) return WebRequestError::action;
    if (request_.action == WebAction::scrape) {
      if (too_many_hashes_) return WebRequestError::scrape_size;
      return hashes_good_ && !request_.info_hashes.empty() ? WebRequestError::none
                                                           : WebRequestError::info_hash;
    }
    if (list_of_hashes_ || !hashes_good_ || request_.info_hashes.empty()) return WebRequestError::info_hash;
    request_.announce.info_hash = request_.info_hashes.front();
    if (!peer_id_) return WebRequestError::peer_id;
    if (!event_good_) return WebRequestError::event;
    if (!offers_good_) return WebRequestError::offers;
    if (!request_.answer) return WebRequestError::none;
    if (!answer_good_) return WebRequestError::answer;
    if (!has_offer_id_) return WebRequestError::offer_id;
    request_.answer->offer_id = offer_id_;
    return WebRequestError::none;
  }

  JsonReader json_;
  const size_t offers_max_;
  WebRequest& request_;
  OfferId offer_id_{};
  bool peer_id_ = false;
  bool has_offer_id_ = false;
  bool hashes_good_ = false;
  bool list_of_hashes_ = false;
  bool too_many_hashes_ = false;
  bool event_good_ = true;
  bool offers_good_ = true;
  bool answer_good_ = true;
};

void append_counts(std::string& out, const SwarmCounts& counts) {
  out += R"("complete":)" + std::to_string(counts.seeders);
  out += R"(,"incomplete":)" + std::to_string(counts.leechers);
}

}  // namespace

std::string_view to_string(WebRequestError error) {
  switch (error) {
    case WebRequestError::none:
      return "";
    case WebRequestError::json:
      return "the message is not a JSON object";
    case WebRequestError::action:
      return "action is neither announce nor scrape";
    case WebRequestError::info_hash:
      return "info_hash is not 20 bytes";
    case WebRequestError::peer_id:
      return "peer_id is not 20 bytes";
    case WebRequestError::event:
      return "unknown event";
    case WebRequestError::offers:
      return "an offer lacks its offer_id of 20 bytes, type or sdp, or is too long";
    case WebRequestError::answer:
      return "the answer lacks its type or sdp, or is too long";
    case WebRequestError::offer_id:
      return "offer_id is not 20 bytes";
    case WebRequestError::scrape_size:
      return "too many info_hashes in one scrape";
  }
  return "";
}

void parse_web_request(std::string_view text, size_t offers_max, WebRequest& request) {
  request.action = WebAction::none;
  request.announce = {};
  request.announce.left = kLeftUnknown;
  request.offers.clear();
  request.answer.reset();
  request.info_hashes.clear();
  request.error = WebRequestReader(text, offers_max, request).read();
}

void append_web_announce_answer(std::string& out, const WebAnnounceAnswer& answer) {
  out += R"({"action":"announce","info_hash":)";
  append_json_binary(out, answer.info_hash.bytes);
  out += R"(,"interval":)" + std::to_string(answer.interval_s) + ',';
  append_counts(out, answer.counts);
  if (!answer.warning.empty()) {
    out += R"(,"warning message":)";
    append_json_string(out, answer.warning);
  }
  out += '}';
}

void append_web_signal(std::string& out, const WebRelay& relay) {
  const std::string_view name = relay.signal == WebSignal::offer ? "offer" : "answer";
  out.append(R"({"action":"announce","info_hash":)");
  append_json_binary(out, relay.info_hash.bytes);
  out.append(R"(,"peer_id":)");
  append_json_binary(out, relay.peer_id);
  out.append(R"(,"offer_id":)");
  append_json_binary(out, relay.offer_id);
  out.append(R"(,")").append(name).append(R"(":{"type":")").append(name).append(R"(","sdp":")");
  out.append(relay.sdp).append(R"("}})");
}

void append_web_scrape_answer(std::string& out, std::span<const ScrapedSwarm> swarms,
                              uint32_t min_request_interval_s) {
  out += R"({"action":"scrape","files":{)";
  bool first = true;
  for (const ScrapedSwarm& swarm : swarms) {
    if (!std::exchange(first, false)) out += ',';
    append_json_binary(out, swarm.info_hash.bytes);
    out += ":{";
    append_counts(out, swarm.counts);
    out += R"(,"downloaded":)" + std::to_string(swarm.counts.completed) + '}';
  }
  out += R"(},"flags":{"min_request_interval":)" + std::to_string(min_request_interval_s) + "}}";
}

void append_web_failure(std::string& out, WebAction action, const std::optional<common::InfoHash>& info_hash,
                        std::string_view reason) {
  out += '{';
  if (action != WebAction::none) {
    out += R"("action":")";
    out += action == WebAction::announce ? "announce" : "scrape";
    out += R"(",)";
  }
  out += R"("failure reason":)";
  append_json_string(out, reason);
  if (info_hash) {
    out += R"(,"info_hash":)";
    append_json_binary(out, info_hash->bytes);
  }
  out += '}';
}

}  // namespace shoal::proto
