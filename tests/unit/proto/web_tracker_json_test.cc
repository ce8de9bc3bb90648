#include "proto/web_tracker_json.h"

#include <doctest/doctest.h>

#include <string>

using namespace shoal;
using namespace shoal::proto;

namespace {

constexpr size_t kOffersMax = 3;
const std::string kHash(20, 'h');
const std::string kPeer(20, 'p');
const std::string kOfferId(20, 'o');

WebRequest read(const std::string& text) {
  WebRequest request;
  parse_web_request(text, kOffersMax, request);
  request.answer.reset();  // points into `text`
  return request;
}

WebRequestError error_of(const std::string& text) { return read(text).error; }

std::string announce_with(const std::string& members) {
  return R"({"action":"announce","info_hash":")" + kHash + R"(","peer_id":")" + kPeer + '"' +
         (members.empty() ? "" : "," + members) + "}";
}

std::string offer(const std::string& sdp = "v=0\\r\\n") {
  return R"({"offer":{"type":"offer","sdp":")" + sdp + R"("},"offer_id":")" + kOfferId + "\"}";
}

}  // namespace

TEST_CASE("web tracker json: an announce as a browser sends it") {
  const std::string text = R"({"numwant":2,"uploaded":0,"downloaded":0,"left":1048576,"event":"started",)"
                           R"("action":"announce","info_hash":")" +
                           kHash + R"(","peer_id":")" + kPeer + R"(","offers":[)" + offer("one") + "," +
                           offer("two") + "]}";
  WebRequest request;
  parse_web_request(text, kOffersMax, request);
  REQUIRE(request.error == WebRequestError::none);
  CHECK(request.action == WebAction::announce);
  CHECK(request.announce.event == Event::started);
  CHECK(request.announce.left == 1048576);
  CHECK(std::string(request.announce.info_hash.bytes.begin(), request.announce.info_hash.bytes.end()) ==
        kHash);
  CHECK(std::string(request.announce.peer_id.begin(), request.announce.peer_id.end()) == kPeer);
  REQUIRE(request.offers.size() == 2);
  CHECK(request.offers[0].sdp == "one");
  CHECK(request.offers[1].sdp == "two");
  CHECK(std::string(request.offers[0].offer_id.begin(), request.offers[0].offer_id.end()) == kOfferId);
  CHECK_FALSE(request.answer);
}

TEST_CASE("web tracker json: an answer") {
  const std::string text = announce_with(R"("to_peer_id":"pppppppppppppppppppp","offer_id":")" + kOfferId +
                                         R"(","answer":{"type":"answer","sdp":"a=b"})");
  WebRequest request;
  parse_web_request(text, kOffersMax, request);
  REQUIRE(request.error == WebRequestError::none);
  REQUIRE(request.answer);
  CHECK(request.answer->sdp == "a=b");
  CHECK(std::string(request.answer->offer_id.begin(), request.answer->offer_id.end()) == kOfferId);
}

TEST_CASE("web tracker json: what left says") {
  const auto left = [](const std::string& value) {
    return read(announce_with("\"left\":" + value)).announce.left;
  };
  CHECK(left("0") == 0);
  CHECK(left("0.0") == 0);
  CHECK(left("0.25") == 1);
  CHECK(left("12.9") == 12);
  CHECK(left("1e300") == kLeftUnknown);
  CHECK(left("-1") == kLeftUnknown);
  CHECK(left("null") == kLeftUnknown);
  CHECK(left("\"0\"") == kLeftUnknown);
  CHECK(read(announce_with("")).announce.left == kLeftUnknown);
}

TEST_CASE("web tracker json: events") {
  const auto event = [](const std::string& value) { return read(announce_with("\"event\":" + value)); };
  CHECK(event("\"stopped\"").announce.event == Event::stopped);
  CHECK(event("\"completed\"").announce.event == Event::completed);
  CHECK(event("\"paused\"").announce.event == Event::paused);
  for (const std::string value : {"\"\"", "\"update\"", "\"empty\"", "null"}) {
    CHECK(event(value).error == WebRequestError::none);
    CHECK(event(value).announce.event == Event::none);
  }
  CHECK(event("\"exploded\"").error == WebRequestError::event);
}

TEST_CASE("web tracker json: offers beyond the limit are left out, bad ones are an error") {
  std::string offers = offer();
  for (size_t i = 1; i < kOffersMax + 2; ++i) offers += "," + offer();
  CHECK(read(announce_with("\"offers\":[" + offers + "]")).offers.size() == kOffersMax);
  CHECK(read(announce_with("\"offers\":null")).error == WebRequestError::none);
  for (const std::string& bad : {std::string("1"), std::string("{}"), std::string(R"({"offer":{"sdp":"x"}})"),
                                 R"({"offer":{"type":"answer","sdp":"x"},"offer_id":")" + kOfferId + "\"}",
                                 R"({"offer":"x","offer_id":")" + kOfferId + "\"}", offer(""),
                                 std::string(R"({"offer":{"type":"offer","sdp":"x"},"offer_id":"short"})"),
                                 offer(std::string(kWebSdpMax + 1, 'x'))}) {
    CHECK(error_of(announce_with("\"offers\":[" + bad + "]")) == WebRequestError::offers);
  }
  CHECK(error_of(announce_with("\"offers\":[" + offer(std::string(kWebSdpMax, 'x')) + "]")) ==
        WebRequestError::none);
}

TEST_CASE("web tracker json: what is wrong is told") {
  CHECK(error_of("") == WebRequestError::json);
  CHECK(error_of("[]") == WebRequestError::json);
  CHECK(error_of("{} ") == WebRequestError::action);
  CHECK(error_of(R"({"action":"connect"})") == WebRequestError::action);
  CHECK(error_of(R"({"action":1})") == WebRequestError::action);
  CHECK(error_of(R"({"action":"announce"})") == WebRequestError::info_hash);
  CHECK(error_of(R"({"action":"announce","info_hash":"short"})") == WebRequestError::info_hash);
  CHECK(error_of(R"({"action":"announce","info_hash":[")" + kHash + R"("]})") == WebRequestError::info_hash);
  CHECK(error_of(R"({"action":"announce","info_hash":")" + kHash + "\"}") == WebRequestError::peer_id);
  CHECK(error_of(announce_with(R"("answer":{"type":"answer","sdp":"x"})")) == WebRequestError::offer_id);
  CHECK(error_of(announce_with(R"("answer":{"type":"answer"},"offer_id":")" + kOfferId + "\"")) ==
        WebRequestError::answer);
  CHECK(error_of(announce_with("")) == WebRequestError::none);
  for (size_t i = 1; i <= static_cast<size_t>(WebRequestError::scrape_size); ++i) {
    CHECK_FALSE(to_string(static_cast<WebRequestError>(i)).empty());
  }
}

TEST_CASE("web tracker json: a bad request says nothing of the one before") {
  WebRequest request;
  const std::string good = announce_with("\"left\":0,\"offers\":[" + offer() + "]");
  parse_web_request(good, kOffersMax, request);
  REQUIRE(request.offers.size() == 1);
  const std::string bare = announce_with("");
  parse_web_request(bare, kOffersMax, request);
  CHECK(request.offers.empty());
  CHECK(request.announce.left == kLeftUnknown);
}

TEST_CASE("web tracker json: scrapes of one and of several") {
  CHECK(read(R"({"action":"scrape","info_hash":")" + kHash + "\"}").info_hashes.size() == 1);
  std::string list = "\"" + kHash + "\"";
  for (size_t i = 1; i < kWebScrapeMax; ++i) list += ",\"" + kHash + "\"";
  CHECK(read(R"({"action":"scrape","info_hash":[)" + list + "]}").info_hashes.size() == kWebScrapeMax);
  CHECK(error_of(R"({"action":"scrape","info_hash":[)" + list + ",\"" + kHash + "\"]}") ==
        WebRequestError::scrape_size);
  CHECK(error_of(R"({"action":"scrape"})") == WebRequestError::info_hash);
  CHECK(error_of(R"({"action":"scrape","info_hash":[]})") == WebRequestError::info_hash);
  CHECK(error_of(R"({"action":"scrape","info_hash":["x"]})") == WebRequestError::info_hash);
}

TEST_CASE("web tracker json: what clients are sent") {
  common::InfoHash hash;
  hash.bytes.fill('h');
  hash.bytes[0] = 0xe9;
  std::string out;
  append_web_announce_answer(out,
                             {.info_hash = hash, .counts = {1, 2, 3}, .interval_s = 120, .warning = "a\"b"});
  CHECK(out ==
        "{\"action\":\"announce\",\"info_hash\":\"\xc3\xa9hhhhhhhhhhhhhhhhhhh\",\"interval\":120,"
        "\"complete\":1,"
        "\"incomplete\":2,\"warning message\":\"a\\\"b\"}");
  out.clear();
  WebRelay relay{.signal = WebSignal::offer, .info_hash = hash, .sdp = "v=0\\r\\n"};
  relay.offer_id.fill('o');
  relay.peer_id.fill('p');
  append_web_signal(out, relay);
  CHECK(out ==
        "{\"action\":\"announce\",\"info_hash\":\"\xc3\xa9hhhhhhhhhhhhhhhhhhh\",\"peer_id\":"
        "\"pppppppppppppppppppp\","
        "\"offer_id\":\"oooooooooooooooooooo\",\"offer\":{\"type\":\"offer\",\"sdp\":\"v=0\\r\\n\"}}");
  out.clear();
  const ScrapedSwarm swarm{hash, {1, 2, 3}};
  append_web_scrape_answer(out, {&swarm, 1}, 60);
  CHECK(out ==
        "{\"action\":\"scrape\",\"files\":{\"\xc3\xa9hhhhhhhhhhhhhhhhhhh\":{\"complete\":1,\"incomplete\":2,"
        "\"downloaded\":3}},\"flags\":{\"min_request_interval\":60}}");
  out.clear();
  append_web_failure(out, WebAction::announce, hash, "no");
  CHECK(out ==
        "{\"action\":\"announce\",\"failure reason\":\"no\",\"info_hash\":\"\xc3\xa9hhhhhhhhhhhhhhhhhhh\"}");
  out.clear();
  append_web_failure(out, WebAction::none, std::nullopt, "no");
  CHECK(out == R"({"failure reason":"no"})");
}
