// Web peers of one node: what several connections to two workers say, in any order, and what another node
// sends for them, good or not. Everybody is told what a plain model of the swarms expects: who is counted,
// how many offers go out, to whom an offer may go and an answer goes; a connection is in no more swarms than
// it may be, is handed what is for it and nothing else, and leaves nothing behind when it is closed.
//
// The input is a script. The texts of messages are made from it, altered, or taken from it as they are; the
// model reads them as the tracker does, by parse_web_request().

#include <algorithm>
#include <array>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/check.h"
#include "common/web_address.h"
#include "node/tracker/web_tracker.h"
#include "node/websocket/offer_origins.h"
#include "tests/fuzz/heap.h"
#include "tests/unit/support/websocket_frames.h"

using namespace shoal;
using namespace shoal::node;
using common::InfoHash;
using common::WebAddress;
using proto::WebSignal;

namespace {

constexpr uint64_t kRun = 7;
constexpr uint64_t kOtherRun = 8;
constexpr uint16_t kWorkers = 2;
constexpr size_t kConnections = 5;
constexpr uint8_t kSwarms = 4;
constexpr size_t kOffersMax = 4;
constexpr size_t kSwarmsMax = 3;
constexpr size_t kScriptMax = 1024;
constexpr size_t kLongSession = 700;
// What is on its way, and what a message takes while it is read.
constexpr size_t kMemoryMax = kScriptMax * kOffersMax * kLongSession / 4 + (1 << 20);

const std::string kOpening =
    "GET / HTTP/1.1\r\nHost: t\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";

TrackerSettings web_settings() {
  Options options;
  options.tracker.websocket = true;
  options.tracker.numwant_max = 200;
  options.websocket.interval_s = 120;
  options.websocket.offers_per_announce = kOffersMax;
  options.websocket.swarms_per_connection = kSwarmsMax;
  return tracker_settings(options, nullptr, nullptr);
}

const ClusterClock& cluster_clock() {
  static const ClusterClock made(2700);
  return made;
}

struct Gate final : HttpGate {
  bool admits(const common::Endpoint& /*client*/) override { return open; }
  void malformed(const common::Endpoint& /*client*/) override {}
  bool open = true;
};

struct Worker {
  Worker(SwarmStore& store, WebHub& hub, uint16_t number)
      : tracker(web_settings(), store, nullptr, announces, number + 1),
        web(tracker, cluster_clock(), gate, hub, number, counters) {
    hub.inbox(number).set_wake([] {});
  }
  AnnounceCounters announces;
  WebCounters counters;
  Gate gate;
  Tracker tracker;
  WebTracker web;
};

std::string twenty(uint8_t c) { return std::string(20, static_cast<char>('a' + c % 26)); }
std::array<uint8_t, 20> twenty_bytes(uint8_t c) {
  std::array<uint8_t, 20> out;
  out.fill(static_cast<uint8_t>('a' + c % 26));
  return out;
}
InfoHash swarm_of(uint8_t number) {
  InfoHash hash;
  hash.bytes = twenty_bytes(number % kSwarms);
  return hash;
}

// A connection's end that the tracker does not see, and what the model knows of it.
struct Client final : UpgradedLink {
  bool send(std::string_view bytes) override {
    if (!reads) return false;
    unasked.emplace_back(bytes);
    return true;
  }

  uint16_t worker = 0;
  uint64_t number = 0;  // as common::web_connection() has it
  std::unique_ptr<Upgraded> connection;
  std::vector<std::string> unasked;
  bool reads = true;
  std::set<InfoHash> swarms;
  // Offers that it has been handed and has not answered, oldest first, and who may have made each: more than
  // one where several have made the same.
  std::deque<std::pair<proto::OfferId, std::vector<WebAddress>>> handed;
};

// What one peer has had another told.
struct Told {
  WebSignal signal;
  WebAddress from;
  std::optional<WebAddress> to;  // of an answer; an offer is for whomever the store draws
  InfoHash info_hash;
  proto::OfferId offer_id;
  proto::WebPeerId peer_id;
  std::string sdp;
};

std::string frame_of(const Told& told) {
  std::string text;
  proto::append_web_signal(text, {.signal = told.signal,
                                  .info_hash = told.info_hash,
                                  .offer_id = told.offer_id,
                                  .peer_id = told.peer_id,
                                  .sdp = told.sdp});
  std::string frame;
  proto::append_websocket_frame(frame, proto::WebsocketOpcode::text, text);
  return frame;
}

std::string_view text_of(std::string_view frame) {
  CHECK_INVARIANT(frame.size() >= 2 && static_cast<uint8_t>(frame[0]) == 0x81);
  const auto length = static_cast<uint8_t>(frame[1]);
  const size_t head = length < 126 ? 2 : length == 126 ? 4 : 10;
  CHECK_INVARIANT(frame.size() >= head);
  return frame.substr(head);
}

bool has(std::string_view text, std::string_view part) { return text.find(part) != std::string_view::npos; }

class Scene {
 public:
  Scene() : hub_(kRun, kWorkers) {
    for (uint16_t i = 0; i < kWorkers; ++i) workers_.push_back(std::make_unique<Worker>(store_, hub_, i));
    hub_.on_outgoing([] {});
  }

  void step(common::ByteReader& script);
  void end();

 private:
  // Who is in which swarm, and whether as a seeder.
  using Members = std::map<WebAddress, bool>;

  Client* client(uint8_t which) {
    return clients_.empty() ? nullptr : clients_[which % clients_.size()].get();
  }
  Client* by_address(const WebAddress& address) {
    for (const auto& one : clients_)
      if (address == address_of(*one)) return one.get();
    return nullptr;
  }
  static WebAddress address_of(const Client& client) { return {kRun, client.number}; }

  void open(uint8_t which);
  void close(size_t index);
  void announce(common::ByteReader& script);
  void answer(common::ByteReader& script);
  void scrape(common::ByteReader& script);
  void merge(common::ByteReader& script);
  void relay(common::ByteReader& script);
  void say(uint8_t which, std::string text, common::ByteReader& script);
  void expect(Client& from, const proto::WebRequest& request, std::string_view said);
  void expect_announce(Client& from, const proto::WebRequest& request, std::string_view said);
  void expect_counts(std::string_view text, const Members& members) const;
  void deliver(uint16_t worker);
  void tell(Told told) {
    std::string frame = frame_of(told);
    model_bytes_ += 4 * frame.size() + 1000;
    told_.emplace(std::move(frame), std::move(told));
  }
  void handed(Client& to, const std::string& frame);
  void take_outgoing();
  std::string session(uint8_t what) {
    std::string sdp = "s" + std::to_string(++sessions_);
    if (what % 16 == 15) sdp.resize(kLongSession, '-');
    return sdp;
  }
  uint64_t sum(common::Counter WebCounters::*counter) const {
    uint64_t all = 0;
    for (const auto& worker : workers_) all += (worker->counters.*counter).value();
    return all;
  }

  SwarmStore store_{{.key = {}, .replicated = true}};
  WebHub hub_;
  std::vector<std::unique_ptr<Worker>> workers_;
  std::vector<std::unique_ptr<Client>> clients_;
  std::array<uint64_t, kWorkers> next_number_ = {1, 1};
  std::map<InfoHash, Members> swarms_;
  std::multimap<std::string, Told> told_;  // by the frame that hands it on
  std::map<std::string, size_t> handed_;   // how often each frame was
  uint64_t sent_ = 0;                      // messages that the tracker should have sent
  uint64_t relayed_ = 0;                   // good ones of the other node
  uint64_t relayed_bad_ = 0;               // others
  uint64_t outgoing_ = 0;                  // that have gone to the other node
  uint64_t sessions_ = 0;
  size_t model_bytes_ = 0;
  const size_t memory_before_ = fuzz::allocated_bytes();
};

void Scene::open(uint8_t which) {
  if (clients_.size() >= kConnections) return;
  auto opened = std::make_unique<Client>();
  opened->worker = which % kWorkers;
  opened->number = common::web_connection(opened->worker, next_number_[opened->worker]++);
  const proto::HttpRequest request =
      proto::parse_http_request(common::bytes_of(kOpening), {.lenient = true, .bare_lf = true});
  std::string out;
  Upgrade upgrade = workers_[opened->worker]->web.upgrade(request, common::make_endpoint_v4(0x01020304, 5),
                                                          *opened, true, out);
  CHECK_INVARIANT(upgrade.upgraded != nullptr);
  opened->connection = std::move(upgrade.upgraded);
  clients_.push_back(std::move(opened));
}

void Scene::close(size_t index) {
  const WebAddress address = address_of(*clients_[index]);
  clients_[index]->connection.reset();
  clients_.erase(clients_.begin() + static_cast<ptrdiff_t>(index));
  for (auto& [hash, members] : swarms_) {
    if (members.erase(address) == 0) continue;
    const proto::SwarmCounts counts = store_.scrape_web(store_.locate_web(hash), hash);
    CHECK_INVARIANT(counts.seeders + counts.leechers == members.size());
  }
}

void Scene::announce(common::ByteReader& script) {
  const uint8_t which = script.u8();
  const uint8_t about = script.u8();
  const uint8_t offers = script.u8();
  const uint8_t first = script.u8();
  constexpr std::array<std::string_view, 4> kEvents = {"", "started", "completed", "stopped"};
  std::string text = R"({"action":"announce","info_hash":")" + twenty(about % kSwarms) + R"(","peer_id":")" +
                     twenty(which) + "\"";
  if (const std::string_view event = kEvents[about >> 2 & 3]; !event.empty())
    text += R"(,"event":")" + std::string(event) + "\"";
  if ((about & 16) != 0) text += R"(,"left":0)";
  if ((about & 32) != 0) text += R"(,"left":)" + std::to_string(first);
  text += R"(,"offers":[)";
  for (uint8_t i = 0; i < offers % 8; ++i) {
    text += std::string(i > 0 ? "," : "") + R"({"offer":{"type":"offer","sdp":")" + session(offers >> 4) +
            R"("},"offer_id":")" + twenty(static_cast<uint8_t>(first + i)) + "\"}";
  }
  say(which, text + "]}", script);
}

void Scene::answer(common::ByteReader& script) {
  const uint8_t which = script.u8();
  const uint8_t about = script.u8();
  const uint8_t id = script.u8();
  say(which,
      R"({"action":"announce","info_hash":")" + twenty(about % kSwarms) + R"(","peer_id":")" + twenty(which) +
          R"(","to_peer_id":"bbbbbbbbbbbbbbbbbbbb","offer_id":")" + twenty(id) +
          R"(","answer":{"type":"answer","sdp":")" + session(about >> 4) + R"("}})",
      script);
}

void Scene::scrape(common::ByteReader& script) {
  const uint8_t which = script.u8();
  const uint8_t about = script.u8();
  std::string hashes = "\"" + twenty(about % kSwarms) + "\"";
  if ((about & 128) != 0) {
    for (int i = 1; i <= (about >> 2 & 15); ++i) hashes += ",\"" + twenty((about + i) % kSwarms) + "\"";
    hashes = "[" + hashes + "]";
  }
  say(which, R"({"action":"scrape","info_hash":)" + hashes + "}", script);
}

// A web peer of the other node, of whom the store is told.
void Scene::merge(common::ByteReader& script) {
  const uint8_t about = script.u8();
  proto::Delta delta;
  delta.info_hash = swarm_of(about);
  const WebAddress address{kOtherRun, uint64_t{about} >> 2 & 7};
  delta.peer = common::to_endpoint(address);
  if (const auto& known = swarms_[delta.info_hash]; known.contains(address)) return;
  const bool seeder = (about & 128) != 0;
  delta.state.role = seeder ? proto::PeerRole::seeder : proto::PeerRole::leecher;
  const common::Tick tick = cluster_clock().tick();
  delta.stamp = common::stamp_of(tick);
  CHECK_INVARIANT(store_.merge({&delta, 1}, tick) == 1);
  swarms_[delta.info_hash][address] = seeder;
}

// A message of the other node for a connection, perhaps of nobody.
void Scene::relay(common::ByteReader& script) {
  const uint8_t to = script.u8();
  const uint8_t about = script.u8();
  const uint8_t id = script.u8();
  Told told{(about & 4) != 0 ? WebSignal::answer : WebSignal::offer,
            {kOtherRun, uint64_t{about} >> 3 & 7},
            WebAddress{kRun, common::web_connection(to % (kWorkers + 1), 1 + to / 3 % 16)},
            swarm_of(about),
            twenty_bytes(id),
            twenty_bytes(about),
            session(about >> 4)};
  std::vector<uint8_t> bytes = proto::write_web_relay({.to = told.to->connection,
                                                       .from = told.from.connection,
                                                       .signal = told.signal,
                                                       .info_hash = told.info_hash,
                                                       .offer_id = told.offer_id,
                                                       .peer_id = told.peer_id,
                                                       .sdp = told.sdp});
  if ((about & 128) != 0) {
    if (id >= 128) bytes.resize(bytes.size() - std::min<size_t>(bytes.size(), 1 + (id & 127)));
    if (!bytes.empty()) bytes[script.u8() % bytes.size()] ^= static_cast<uint8_t>(1 + script.u8() % 255);
    const auto read = proto::parse_web_relay(bytes);
    if (read) {
      told = {read->signal,   {kOtherRun, read->from}, WebAddress{kRun, read->to}, read->info_hash,
              read->offer_id, read->peer_id,           std::string(read->sdp)};
    }
    ++(read ? relayed_ : relayed_bad_);
    if (read) tell(std::move(told));
  } else {
    ++relayed_;
    tell(std::move(told));
  }
  hub_.deliver(kOtherRun, std::move(bytes));
}

void Scene::say(uint8_t which, std::string text, common::ByteReader& script) {
  const uint8_t way = script.u8();
  if ((way & 3) == 3 && !text.empty()) {
    for (uint8_t i = 0; i <= (way >> 5); ++i) {
      const size_t at = script.u16() % text.size();
      text[at] = static_cast<char>(script.u8());
    }
  }
  Client* const from = client(which);
  if (from == nullptr) return;
  workers_[from->worker]->gate.open = way != 0xfe;
  const std::string bytes = test::client_text(text);
  // Whole, or torn.
  const size_t piece = (way & 4) != 0 ? 1 + (way >> 3) * 7 : bytes.size();
  std::string out;
  Upgraded::Took took;
  for (size_t at = 0; at < bytes.size() && !took.over; at += piece) {
    CHECK_INVARIANT(out.empty() && !took.whole);
    took = from->connection->received(common::bytes_of(std::string_view(bytes).substr(at, piece)), out);
    CHECK_INVARIANT(from->connection->kept_bytes() <= 2 * bytes.size() + 64);
  }
  workers_[from->worker]->gate.open = true;
  if (took.over) {
    // It is not UTF-8, or the client is shut out: nothing has been done, but that it is told so.
    CHECK_INVARIANT(out.size() >= 4 && static_cast<uint8_t>(out[0]) == 0x88);
    std::string parting;
    from->connection->leave(parting);
    CHECK_INVARIANT(parting.empty());
    const auto at =
        std::find_if(clients_.begin(), clients_.end(), [&](auto& one) { return one.get() == from; });
    return close(static_cast<size_t>(at - clients_.begin()));
  }
  CHECK_INVARIANT(took.whole && !from->connection->unfinished() && from->connection->kept_bytes() <= 64);
  proto::WebRequest request;
  proto::parse_web_request(text, kOffersMax, request);
  expect(*from, request, out.empty() ? std::string_view() : text_of(out));
}

void Scene::expect(Client& from, const proto::WebRequest& request, std::string_view said) {
  const InfoHash& hash = request.announce.info_hash;
  if (request.error != proto::WebRequestError::none) {
    CHECK_INVARIANT(has(said, R"("failure reason":)"));
  } else if (request.action == proto::WebAction::scrape) {
    // As many as are asked for, each once.
    CHECK_INVARIANT(has(said, R"("action":"scrape")") && !has(said, "failure"));
    if (request.info_hashes.size() == 1) expect_counts(said, swarms_[request.info_hashes[0]]);
  } else if (request.answer) {
    CHECK_INVARIANT(said.empty());
    const auto found = std::find_if(from.handed.begin(), from.handed.end(),
                                    [&](const auto& one) { return one.first == request.answer->offer_id; });
    if (found == from.handed.end()) return;
    for (const WebAddress& to : found->second) {
      tell({WebSignal::answer, address_of(from), to, hash, request.answer->offer_id, request.announce.peer_id,
            std::string(request.answer->sdp)});
    }
    from.handed.erase(found);
    ++sent_;
  } else {
    expect_announce(from, request, said);
  }
}

void Scene::expect_announce(Client& from, const proto::WebRequest& request, std::string_view said) {
  const proto::AnnounceRequest& announce = request.announce;
  const bool stops = announce.event == proto::Event::stopped;
  if (!stops && !from.swarms.contains(announce.info_hash) && from.swarms.size() >= kSwarmsMax) {
    CHECK_INVARIANT(has(said, "too many torrents"));
    return;
  }
  Members& members = swarms_[announce.info_hash];
  if (stops) {
    members.erase(address_of(from));
    from.swarms.erase(announce.info_hash);
  } else {
    members[address_of(from)] = announce.left == 0;
    from.swarms.insert(announce.info_hash);
  }
  CHECK_INVARIANT(from.swarms.size() <= kSwarmsMax && !has(said, "failure"));
  expect_counts(said, members);
  if (stops) return;
  // One for each other peer, as far as there are offers.
  const size_t others = members.size() - 1;
  const size_t sends = std::min(request.offers.size(), others);
  for (size_t i = 0; i < sends; ++i) {
    const proto::WebOffer& offer = request.offers[i];
    tell({WebSignal::offer, address_of(from), std::nullopt, announce.info_hash, offer.offer_id,
          announce.peer_id, std::string(offer.sdp)});
  }
  sent_ += sends;
}

void Scene::expect_counts(std::string_view text, const Members& members) const {
  const auto seeders = static_cast<size_t>(
      std::count_if(members.begin(), members.end(), [](const auto& one) { return one.second; }));
  CHECK_INVARIANT(has(text, "\"complete\":" + std::to_string(seeders) + ","));
  const std::string leechers = "\"incomplete\":" + std::to_string(members.size() - seeders);
  CHECK_INVARIANT(has(text, leechers + ",") || has(text, leechers + "}"));
}

void Scene::deliver(uint16_t worker) {
  workers_[worker]->web.deliver();
  for (const auto& one : clients_) {
    const std::vector<std::string> frames = std::exchange(one->unasked, {});
    CHECK_INVARIANT(frames.empty() || (one->worker == worker && one->reads));
    for (const std::string& frame : frames) handed(*one, frame);
  }
}

// It must be what somebody has told, for this one if for one alone, and is handed on as often as it was told.
void Scene::handed(Client& to, const std::string& frame) {
  std::vector<WebAddress> makers;
  const Told* found = nullptr;
  const auto [begin, end] = told_.equal_range(frame);
  for (auto one = begin; one != end; ++one) {
    const Told& told = one->second;
    if ((told.to && *told.to != address_of(to)) || told.from == address_of(to)) continue;
    makers.push_back(told.from);
    found = &told;
  }
  CHECK_INVARIANT(found != nullptr && to.swarms.contains(found->info_hash));
  CHECK_INVARIANT(++handed_[frame] <= told_.count(frame));
  if (found->signal != WebSignal::offer) return;
  to.handed.emplace_back(found->offer_id, std::move(makers));
  if (to.handed.size() > OfferOrigins::kMax) to.handed.pop_front();
}

void Scene::take_outgoing() {
  std::vector<OutgoingWebMessage> messages;
  hub_.take_outgoing(messages);
  for (const OutgoingWebMessage& message : messages) {
    ++outgoing_;
    CHECK_INVARIANT(message.to_run == kOtherRun);
    const auto relay = proto::parse_web_relay(message.bytes);
    CHECK_INVARIANT(relay.has_value());
    const bool known = std::any_of(told_.begin(), told_.end(), [&](const auto& one) {
      const Told& told = one.second;
      return told.from == WebAddress{kRun, relay->from} && told.signal == relay->signal &&
             told.info_hash == relay->info_hash && told.offer_id == relay->offer_id &&
             told.peer_id == relay->peer_id && told.sdp == relay->sdp &&
             (told.to ? *told.to == WebAddress{kOtherRun, relay->to}
                      : swarms_[told.info_hash].contains({kOtherRun, relay->to}));
    });
    CHECK_INVARIANT(known);
  }
}

void Scene::step(common::ByteReader& script) {
  const uint8_t step = script.u8();
  switch (step % 16) {
    case 0:
    case 1:
      open(step >> 4);
      break;
    case 2:
      if (!clients_.empty()) close((step >> 4) % clients_.size());
      break;
    case 3:
    case 4:
    case 5:
      announce(script);
      break;
    case 6:
    case 7:
      answer(script);
      break;
    case 8:
      scrape(script);
      break;
    case 9: {
      const uint8_t which = script.u8();
      const size_t size = script.u8();
      const common::ByteSpan text = script.take(std::min(size, script.remaining()));
      say(which, std::string(text.begin(), text.end()), script);
      break;
    }
    case 10:
      merge(script);
      break;
    case 11:
      relay(script);
      break;
    case 12:
      take_outgoing();
      break;
    case 13:
      if (Client* const one = client(step >> 4)) one->reads = !one->reads;
      break;
    default:
      deliver(step % kWorkers);
  }
  CHECK_INVARIANT(fuzz::allocated_bytes() <= memory_before_ + model_bytes_ + kMemoryMax);
}

void Scene::end() {
  while (!clients_.empty()) close(clients_.size() - 1);
  take_outgoing();
  for (uint16_t i = 0; i < kWorkers; ++i) {
    while (workers_[i]->web.deliver()) {
    }
  }
  // All that was sent has gone somewhere, and is counted there.
  CHECK_INVARIANT(sum(&WebCounters::offers_sent) + sum(&WebCounters::answers) -
                      sum(&WebCounters::answers_unknown) ==
                  sent_);
  const uint64_t arrived = sum(&WebCounters::offers_delivered) + sum(&WebCounters::answers_delivered) +
                           sum(&WebCounters::gone) + sum(&WebCounters::unread);
  const WebHubCounters& lost = hub_.counters();
  const uint64_t malformed = sum(&WebCounters::malformed);
  CHECK_INVARIANT(arrived + malformed + outgoing_ + lost.dropped_local + lost.dropped_outgoing +
                      lost.misdirected ==
                  sent_ + relayed_ + relayed_bad_);
  CHECK_INVARIANT(malformed <= relayed_bad_);
  CHECK_INVARIANT(sum(&WebCounters::opened) == sum(&WebCounters::closed));
  // What is left in the store is the other node's.
  for (const auto& [hash, members] : swarms_) {
    const proto::SwarmCounts counts = store_.scrape_web(store_.locate_web(hash), hash);
    CHECK_INVARIANT(counts.seeders + counts.leechers == members.size());
    for (const auto& [address, seeder] : members) CHECK_INVARIANT(address.run == kOtherRun);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  common::ByteReader script({data, std::min(size, kScriptMax)});
  Scene scene;
  while (script.ok() && script.remaining() > 0) scene.step(script);
  scene.end();
  return 0;
}
