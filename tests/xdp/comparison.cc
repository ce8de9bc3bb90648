#include "tests/xdp/comparison.h"

#include <fcntl.h>
#include <linux/bpf.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <set>

#include "node/os/file_descriptor.h"
#include "node/os/monotonic.h"
#include "proto/connection_id.h"
#include "proto/udp_tracker.h"

namespace shoal::test {

using common::Endpoint;
using common::fail;
using common::Family;
using common::Result;
using node::Shield;
using node::ShieldDecision;

namespace {

constexpr size_t kFailuresShown = 20;
constexpr size_t kDatagramMax = 1500;
constexpr size_t kHeadersMax = 120;  // all that matters in a request
constexpr uint16_t kVlans[] = {5, 6, 7};
const std::vector<common::SipKey> kKeys = {{1, 2, 3}, {4, 5, 6}, {7, 8, 9}};
constexpr common::SipKey kForeignKey = {66};

const Family kFamilies[] = {Family::v4, Family::v6};

Endpoint client_of(Family family, uint32_t number = 0) {
  return family == Family::v4 ? client_v4(number) : client_v6(number);
}

Endpoint address(const char* text, uint16_t port) {
  Endpoint endpoint = common::parse_address(text).value();
  endpoint.port = port;
  return endpoint;
}

std::string name_of(std::optional<ShieldDecision> decision) {
  return decision ? std::string(node::to_string(*decision)) : "nothing";
}

// To a neighbour whose hardware address the kernel does not know: it asks for it before it answers.
bool asks_first(const Bytes& answer) {
  static const common::NetworkSet kNeighbours(std::vector<common::Network>{
      common::parse_network("192.0.2.0/24").value(), common::parse_network("2001:db8::/64").value()});
  const auto datagram = unwrap(answer);
  return datagram && kNeighbours.contains(datagram->to);
}

}  // namespace

Endpoint client_v4(uint32_t number) {
  return common::make_endpoint_v4(0xcb007105 + number * 256, static_cast<uint16_t>(40000 + number % 20000));
}

Endpoint client_v6(uint32_t number) {
  Endpoint client = address("2a00:1450:4001:80b::5", static_cast<uint16_t>(40000 + number % 20000));
  client.address[4] = static_cast<uint8_t>(number >> 8);
  client.address[5] = static_cast<uint8_t>(number);
  return client;
}

Wrapping from_client(const Endpoint& client) {
  Wrapping wrapping;
  wrapping.from = client;
  wrapping.to = client.family == Family::v4 ? server_v4() : server_v6();
  return wrapping;
}

Bytes connect_request(uint32_t transaction_id) {
  Bytes out(proto::kUdpConnectSize);
  proto::write_connect_request(out, transaction_id);
  return out;
}

Bytes announce_request(uint64_t connection_id) {
  Bytes out(proto::kUdpAnnounceSize);
  proto::AnnounceRequest announce;
  announce.info_hash.bytes[3] = 7;
  announce.port = 6881;
  announce.left = 10;
  proto::write_announce_request(out, connection_id, 0x0a0b0c0d, announce);
  return out;
}

Bytes scrape_request(uint64_t connection_id, size_t hashes) {
  Bytes out(proto::kUdpScrapeHeaderSize + 20 * hashes);
  const std::vector<common::InfoHash> all(hashes);
  proto::write_scrape_request(out, connection_id, 0x0a0b0c0d, all);
  return out;
}

std::string Comparison::why_impossible() {
  if (!Shield::is_built()) return "built without XDP";
  if (geteuid() != 0) return "needs root";
  const node::FileDescriptor tap(::open("/dev/net/tun", O_RDWR | O_CLOEXEC));
  if (!tap.is_open()) return std::string("/dev/net/tun: ") + std::strerror(errno);
  bpf_attr attributes{};
  attributes.map_type = BPF_MAP_TYPE_LPM_TRIE;  // of the privileged
  attributes.key_size = 8;
  attributes.value_size = 8;
  attributes.max_entries = 1;
  attributes.map_flags = BPF_F_NO_PREALLOC;
  const node::FileDescriptor map(
      static_cast<int>(syscall(SYS_bpf, BPF_MAP_CREATE, &attributes, sizeof attributes)));
  if (!map.is_open()) return std::string("bpf(2): ") + std::strerror(errno);
  return {};
}

Result<std::unique_ptr<Comparison>> Comparison::open() {
  if (std::string why = why_impossible(); !why.empty()) return fail(std::move(why));
  auto shield = Shield::load({11, 12, 13});
  if (!shield) return fail(shield.error().message);
  if (const auto tried = (*shield)->run(Bytes(64)); !tried) return fail(tried.error().message);
  auto sockets = SocketPath::open(kKeys);
  if (!sockets) return fail(sockets.error().message);
  std::unique_ptr<Comparison> comparison(new Comparison);
  comparison->shield_ = std::move(*shield);
  comparison->sockets_ = std::move(*sockets);
  comparison->reset();
  return comparison;
}

const std::vector<Comparison::Group>& Comparison::groups() {
  static const std::vector<Group> kGroups = {
      {"every length", &Comparison::lengths},
      {"every bit of a connect", &Comparison::contents},
      {"every epoch and key", &Comparison::connection_ids},
      {"floods of bad connection ids", &Comparison::stale_ids},
      {"checksums", &Comparison::checksums},
      {"headers", &Comparison::headers},
      {"VLAN tags", &Comparison::tags},
      {"sources", &Comparison::sources},
      {"destinations", &Comparison::destinations},
      {"denied networks", &Comparison::denied},
      {"rates", &Comparison::rates},
      {"draining", &Comparison::draining},
      {"bans", &Comparison::bans},
  };
  return kGroups;
}

Comparison::Report Comparison::run(const Group& group) {
  reset();
  report_ = {};
  (this->*group.run)();
  return report_;
}

void Comparison::reset() {
  shield_->pretend(std::span(&kServerHardware, 1),
                   sockets_->has_vlans() ? std::span<const uint16_t>(kVlans) : std::span<const uint16_t>());
  const std::vector<Endpoint> targets = {server_v4(), server_v6()};
  shield_->set_addresses(targets, no_clients());
  shield_->set_keys(kKeys);
  shield_->set_rates(0, 0, 1);
  shield_->set_answers_connects(true);
  shield_->prepare_denied(nullptr);
  shield_->use_denied();
  sockets_->set_denied(nullptr);
  sockets_->set_rates(0, 0);
  // A new second for the bad connection ids, without a flood in the one before.
  sockets_->pass_seconds(5);
  shield_->set_unix_s(sockets_->unix_s());
  counted();
}

void Comparison::check(bool holds, const std::string& text) {
  ++(holds ? report_.passed : report_.failed);
  if (!holds && report_.failures.size() < kFailuresShown) report_.failures.push_back(text);
}

std::optional<ShieldDecision> Comparison::counted() {
  const node::ShieldDecisions now = shield_->decisions();
  std::optional<ShieldDecision> found;
  for (size_t family = 0; family < 2; ++family) {
    for (size_t i = 0; i < node::kShieldDecisions; ++i) {
      if (now[family].packets[i] != before_[family].packets[i]) found = static_cast<ShieldDecision>(i);
    }
  }
  before_ = now;
  return found;
}

std::optional<ShieldDecision> Comparison::compare_counted(const Bytes& frame) {
  shield_->set_unix_s(sockets_->unix_s());
  const auto run = shield_->run(frame);
  if (!run) {
    check(false, run.error().message);
    return std::nullopt;
  }
  const std::optional<ShieldDecision> decision = counted();
  const std::vector<Bytes> answers = sockets_->exchange(frame);
  const auto text = [&](const std::string& what) {
    return what + " (" + name_of(decision) + ")\n  frame  " + hex(frame) + "\n  XDP    " + hex(run->frame) +
           "\n  kernel " + (answers.empty() ? "nothing" : hex(answers[0]));
  };
  switch (run->verdict) {
    case Shield::Verdict::transmit:
      check(decision == SHIELD_CONNECT_ANSWERED, text("answered, but not counted as such"));
      check(unwrap(run->frame).has_value(), text("XDP's answer is not right in itself"));
      check(answers.empty() ? asks_first(run->frame)
                            : answers.size() == 1 && comparable(answers[0]) == comparable(run->frame),
            text("the answers differ"));
      break;
    case Shield::Verdict::drop:
      check(decision >= SHIELD_DROPPED_TOO_SHORT, text("dropped, but not counted as such"));
      check(answers.empty(), text("XDP drops what the sockets answer"));
      break;
    case Shield::Verdict::pass:
      check(!decision || (decision >= SHIELD_PASSED_REQUEST && decision <= SHIELD_PASSED_ODD),
            text("passed, but not counted as such"));
      check(run->frame == frame, text("passed, but changed"));
      break;
    case Shield::Verdict::aborted:
    case Shield::Verdict::redirect:
      check(false, text("a verdict that the program never gives"));
      break;
  }
  return decision;
}

ShieldDecision Comparison::compare(const Bytes& frame) {
  return compare_counted(frame).value_or(SHIELD_DECISIONS);
}

void Comparison::expect(const Bytes& frame, ShieldDecision decision, const std::string& what) {
  const std::optional<ShieldDecision> is = compare_counted(frame);
  check(is.value_or(SHIELD_DECISIONS) == decision,
        what + ": expected " +
            (decision == SHIELD_DECISIONS ? "nothing" : std::string(node::to_string(decision))) + ", not " +
            name_of(is) + "\n  frame  " + hex(frame));
}

void Comparison::lengths() {
  for (const Family family : kFamilies) {
    const Endpoint client = client_of(family);
    for (size_t size = 0; size <= kDatagramMax; size += size < kHeadersMax ? 1 : stride_) {
      const uint64_t good = proto::make_connection_id(kKeys[0], client, sockets_->unix_s());
      const std::string text = "size " + std::to_string(size);
      const auto sized = [&](Bytes request) {
        request.resize(size, 0x5a);
        return frame_of(from_client(client), request);
      };
      const bool is_short = size < 16;
      expect(sized(connect_request()),
             is_short     ? SHIELD_DROPPED_TOO_SHORT
             : size == 16 ? SHIELD_CONNECT_ANSWERED
                          : SHIELD_PASSED_CONNECT,
             "connect, " + text);
      expect(sized(announce_request(good)), is_short ? SHIELD_DROPPED_TOO_SHORT : SHIELD_PASSED_REQUEST,
             "announce, " + text);
      expect(sized(scrape_request(good, 80)), is_short ? SHIELD_DROPPED_TOO_SHORT : SHIELD_PASSED_REQUEST,
             "scrape, " + text);
      compare(sized(announce_request(good ^ 0x100)));
      compare(sized(scrape_request(good ^ 0x100, 80)));
      if (size % 16 == 0 || stride_ > 1) sockets_->pass_seconds(1);
    }
  }
}

void Comparison::contents() {
  for (const Family family : kFamilies) {
    const Endpoint client = client_of(family);
    for (size_t bit = 0; bit < 128; ++bit) {
      Bytes request = connect_request();
      request[bit / 8] ^= static_cast<uint8_t>(1 << bit % 8);
      const bool in_magic = bit < 64;
      const bool in_action = bit >= 64 && bit < 96;
      // Announces and scrapes with the protocol id for a connection id.
      const bool known_action = in_action && (request[11] == 1 || request[11] == 2);
      const Bytes frame = frame_of(from_client(client), request);
      if (known_action) {
        compare(frame);
      } else {
        expect(frame,
               in_magic    ? SHIELD_DROPPED_WRONG_MAGIC
               : in_action ? SHIELD_DROPPED_UNKNOWN_ACTION
                           : SHIELD_CONNECT_ANSWERED,
               "bit " + std::to_string(bit));
      }
    }
    for (uint32_t i = 0; i < 200; ++i) {
      Wrapping wrapping = from_client(client_of(family, i));
      wrapping.from.port = static_cast<uint16_t>(1 + i * 327);
      expect(frame_of(wrapping, connect_request(i * 0x9e3779b9U)), SHIELD_CONNECT_ANSWERED, "some client");
    }
  }
}

void Comparison::connection_ids() {
  for (const Family family : kFamilies) {
    for (int epoch = -10; epoch <= 4; ++epoch) {
      for (size_t key = 0; key <= kKeys.size(); ++key) {
        const Endpoint client =
            client_of(family, static_cast<uint32_t>(epoch + 20) * 8 + static_cast<uint32_t>(key));
        const common::SipKey& made_with = key < kKeys.size() ? kKeys[key] : kForeignKey;
        const uint64_t id =
            proto::make_connection_id(made_with, client, sockets_->unix_s() + int64_t{64} * epoch);
        const bool good = key < kKeys.size() && epoch >= -6 && epoch <= 1;
        const std::string text = "epoch " + std::to_string(epoch) + ", key " + std::to_string(key);
        const ShieldDecision expected = good ? SHIELD_PASSED_REQUEST : SHIELD_PASSED_STALE_ID;
        expect(frame_of(from_client(client), announce_request(id)), expected, "announce, " + text);
        expect(frame_of(from_client(client), scrape_request(id)), expected, "scrape, " + text);
        // Somebody else's, and one with another epoch's bits.
        Endpoint other = client;
        ++other.address[1];
        expect(frame_of(from_client(other), announce_request(id)), SHIELD_PASSED_STALE_ID,
               "of another, " + text);
        expect(frame_of(from_client(client), announce_request(id ^ 4)), SHIELD_PASSED_STALE_ID,
               "bits, " + text);
      }
    }
  }
  // Keys change, as they do while they rotate.
  const Endpoint client = client_v4(3);
  const uint64_t id = proto::make_connection_id(kKeys[2], client, sockets_->unix_s());
  const Bytes frame = frame_of(from_client(client), announce_request(id));
  expect(frame, SHIELD_PASSED_REQUEST, "the last key");
  shield_->set_keys(std::span(kKeys).first(2));
  check(shield_->run(frame).has_value() && counted() == SHIELD_PASSED_STALE_ID, "a key that was taken away");
  std::vector<common::SipKey> many(Shield::kKeysMax + 1);
  many[0] = kKeys[0];
  shield_->set_keys(many);
  check(shield_->run(frame).has_value() && counted() == SHIELD_PASSED_REQUEST, "more keys than it can check");
  shield_->set_keys({});
  check(shield_->run(frame).has_value() && counted() == SHIELD_PASSED_REQUEST, "no keys: announce");
  check(shield_->run(frame_of(from_client(client), connect_request())).has_value() &&
            counted() == SHIELD_PASSED_CONNECT,
        "no keys: connect");
}

void Comparison::stale_ids() {
  const auto bad = [&](Family family, uint32_t network, uint32_t host) {
    Endpoint client = client_of(family, network);
    client.address[family == Family::v4 ? 3 : 15] = static_cast<uint8_t>(host);
    return frame_of(from_client(client), announce_request(0x1122334455667788));
  };
  for (const Family family : kFamilies) {
    // One network, several seconds.
    for (int second = 0; second < 3; ++second) {
      for (uint32_t i = 0; i < 20; ++i) {
        expect(bad(family, 1000, i), i < 8 ? SHIELD_PASSED_STALE_ID : SHIELD_DROPPED_CONNECTION_ID,
               "request " + std::to_string(i) + " of a network");
      }
      sockets_->pass_seconds(1);
    }
  }
  // All networks together, until it is a flood; none in the second after it; then as before.
  size_t passed = 0;
  for (uint32_t i = 0; i < 2300; ++i)
    passed += compare(bad(Family::v4, 2000 + i, 1)) == SHIELD_PASSED_STALE_ID;
  check(passed >= 450 && passed <= 500, "of a flood " + std::to_string(passed) + " were passed");
  sockets_->pass_seconds(1);
  expect(bad(Family::v4, 9000, 1), SHIELD_DROPPED_CONNECTION_ID, "the second after a flood");
  sockets_->pass_seconds(1);
  expect(bad(Family::v4, 9000, 1), SHIELD_PASSED_STALE_ID, "two seconds after a flood");
}

void Comparison::checksums() {
  using Checksum = Wrapping::Checksum;
  for (const Family family : kFamilies) {
    const bool v4 = family == Family::v4;
    Wrapping wrapping = from_client(client_of(family));
    const auto connect = [&](uint32_t transaction_id = 5) {
      return frame_of(wrapping, connect_request(transaction_id));
    };
    wrapping.udp_checksum = Checksum::wrong;
    expect(connect(), SHIELD_DROPPED_CHECKSUM, "wrong UDP checksum");
    wrapping.udp_checksum = Checksum::none;
    expect(connect(), v4 ? SHIELD_CONNECT_ANSWERED : SHIELD_DROPPED_CHECKSUM, "no UDP checksum");
    wrapping.udp_checksum = Checksum::unfinished;
    expect(connect(), SHIELD_DROPPED_CHECKSUM, "an unfinished UDP checksum from the wire");
    const auto local = shield_->run(connect(), 1, true);
    check(local && local->verdict == Shield::Verdict::pass && counted() == SHIELD_PASSED_CONNECT,
          "an unfinished UDP checksum from this machine");
    wrapping.udp_checksum = Checksum::wrong;
    const auto wrong = shield_->run(connect(), 1, true);
    check(wrong && wrong->verdict == Shield::Verdict::drop && counted() == SHIELD_DROPPED_CHECKSUM,
          "a wrong UDP checksum from this machine");
    wrapping.udp_checksum = Checksum::right;
    const auto right = shield_->run(connect(), 1, true);
    check(right && right->verdict == Shield::Verdict::transmit && counted() == SHIELD_CONNECT_ANSWERED,
          "a right UDP checksum from this machine");
    if (v4) {
      wrapping.right_ip_checksum = false;
      expect(connect(), SHIELD_DROPPED_CHECKSUM, "wrong IP checksum");
      wrapping.right_ip_checksum = true;
    }
    // Single bits of both, and of all they are made of.
    const Bytes good = connect();
    const size_t ip = 14;
    for (size_t bit = ip * 8; bit < good.size() * 8; bit += stride_) {
      Bytes frame = good;
      frame[bit / 8] ^= static_cast<uint8_t>(1 << bit % 8);
      compare(frame);
    }
    // Among these are some whose checksum, or whose answer's, is 0 or 0xffff.
    for (uint32_t i = 0; i < 3000; i += static_cast<uint32_t>(stride_)) {
      wrapping.udp_checksum = i % 2 == 0 || !v4 ? Checksum::right : Checksum::none;
      expect(connect(i * 29), SHIELD_CONNECT_ANSWERED, "transaction " + std::to_string(i * 29));
    }
  }
}

void Comparison::headers() {
  for (const Family family : kFamilies) {
    const bool v4 = family == Family::v4;
    const Endpoint client = client_of(family);
    const uint64_t good = proto::make_connection_id(kKeys[0], client, sockets_->unix_s());
    const std::vector<Bytes> requests = {connect_request(), announce_request(good), scrape_request(good),
                                         announce_request(good ^ 0x1000), Bytes(7)};
    const auto each = [&](const Wrapping& wrapping, std::optional<ShieldDecision> connects,
                          const std::string& what) {
      for (size_t i = 0; i < requests.size(); ++i) {
        const Bytes frame = frame_of(wrapping, requests[i]);
        if (i == 0 && connects) {
          expect(frame, *connects, what);
        } else {
          compare(frame);
        }
      }
      sockets_->pass_seconds(1);
    };
    const Wrapping right = from_client(client);
    each(right, SHIELD_CONNECT_ANSWERED, "nothing odd");
    for (const size_t padding : {1U, 2U, 6U, 16U}) {
      Wrapping wrapping = right;
      wrapping.padding = padding;
      each(wrapping, SHIELD_CONNECT_ANSWERED, "padded");
    }
    for (const size_t padding : {17U, 100U, 1000U}) {
      Wrapping wrapping = right;
      wrapping.padding = padding;
      each(wrapping, SHIELD_PASSED_CONNECT, "padded too much");
    }
    for (const int off : {-30, -17, -16, -9, -8, -1, 1, 2, 8, 40, 1000}) {
      Wrapping wrapping = right;
      wrapping.ip_size_off = off;
      each(wrapping, SHIELD_PASSED_ODD, "IP size off by " + std::to_string(off));
      wrapping.udp_size_off = off;
      each(wrapping, std::nullopt, "both sizes off by " + std::to_string(off));
      wrapping.padding = 200;
      each(wrapping, std::nullopt, "both sizes off and padded, " + std::to_string(off));
      wrapping.ip_size_off = 0;
      each(wrapping, SHIELD_PASSED_ODD, "UDP size off by " + std::to_string(off));
    }
    for (const uint8_t service : {0x00, 0x01, 0x02, 0x03, 0xb8, 0xff}) {
      Wrapping wrapping = right;
      wrapping.service = service;
      each(wrapping, SHIELD_CONNECT_ANSWERED, "type of service");
    }
    for (const uint8_t ttl : {0, 1, 2, 64, 255}) {
      Wrapping wrapping = right;
      wrapping.ttl = ttl;
      each(wrapping, SHIELD_CONNECT_ANSWERED, "TTL " + std::to_string(ttl));
    }
    for (const uint8_t version : {1, 4, 5, 6, 15}) {
      if (version == (v4 ? 4 : 6)) continue;
      Wrapping wrapping = right;
      wrapping.version = version;
      each(wrapping, SHIELD_DECISIONS, "version " + std::to_string(version));
    }
    for (const uint8_t protocol : {0, 1, 6, 47, 58, 136}) {
      Wrapping wrapping = right;
      wrapping.protocol = protocol;
      each(wrapping, SHIELD_DECISIONS, "protocol " + std::to_string(protocol));
    }
    if (v4) {
      for (const uint16_t fragment : {0x2000, 0x2001, 0x0001, 0x1fff, 0x8000, 0xc000}) {
        Wrapping wrapping = right;
        wrapping.fragment = fragment;
        each(wrapping, SHIELD_DECISIONS, "fragment " + std::to_string(fragment));
      }
      Wrapping wrapping = right;
      wrapping.fragment = 0;
      each(wrapping, SHIELD_CONNECT_ANSWERED, "may be fragmented");
      for (const Bytes& options :
           {Bytes{1, 1, 1, 0}, Bytes{148, 4, 0, 0}, Bytes{7, 7, 4, 0, 0, 0, 0, 0}, Bytes(40, 1)}) {
        Wrapping with = right;
        with.options = options;
        each(with, SHIELD_DECISIONS, "IP options");
      }
      // A header that says it is shorter than any.
      for (uint8_t words = 0; words < 5; ++words) {
        Bytes frame = frame_of(right, connect_request());
        frame[14] = 0x40 | words;
        expect(frame, SHIELD_DECISIONS, "header of " + std::to_string(words) + " words");
      }
      continue;
    }
    const auto extended = [&](uint8_t kind, const Bytes& bytes, const std::string& what) {
      Wrapping wrapping = right;
      wrapping.first_extension = kind;
      wrapping.options = bytes;
      each(wrapping, SHIELD_DECISIONS, what);
    };
    extended(0, {17, 0, 1, 4, 0, 0, 0, 0}, "hop-by-hop options");
    extended(60, {17, 0, 1, 4, 0, 0, 0, 0}, "destination options");
    extended(43, {17, 0, 0, 0, 0, 0, 0, 0}, "routing header");
    extended(44, {17, 0, 0, 0, 0, 0, 0, 1}, "fragment header of a whole");
    extended(44, {17, 0, 0, 1, 0, 0, 0, 1}, "first fragment");
    extended(0, {60, 0, 1, 4, 0, 0, 0, 0, 17, 0, 1, 4, 0, 0, 0, 0}, "two extension headers");
  }
  // Every truncation of a frame.
  for (const Family family : kFamilies) {
    for (const Bytes& request : {connect_request(), announce_request(0)}) {
      const Bytes whole = frame_of(from_client(client_of(family)), request);
      for (size_t size = 14; size < whole.size(); ++size)
        compare(Bytes(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size)));
    }
  }
}

void Comparison::tags() {
  shield_->pretend(std::span(&kServerHardware, 1), kVlans);
  if (sockets_->has_vlans()) {
    check(sockets_->vlans_found() == std::set<uint16_t>(std::begin(kVlans), std::end(kVlans)),
          "the machine's VLANs are found");
  }
  struct Case {
    std::vector<Tag> tags;
    bool ours;
    uint32_t v4;  // a client's network behind it
    const char* v6;
  };
  const std::vector<Case> cases = {
      {{{0x8100, 5}}, true, 0xc6120009, "2001:db8:5::9"},
      {{{0x8100, 0xe005}}, true, 0xc6120009, "2001:db8:5::9"},  // with a priority
      {{{0x88a8, 6}}, true, 0xc6130009, "2001:db8:6::9"},
      {{{0x88a8, 6}, {0x8100, 7}}, true, 0xc6138009, "2001:db8:7::9"},
      {{{0x8100, 0}}, false, 0xcb007109, "2a00::9"},
      {{{0x8100, 9}}, false, 0xc6120009, "2001:db8:5::9"},
      {{{0x8100, 5}, {0x8100, 9}}, false, 0xc6120009, "2001:db8:5::9"},
      {{{0x88a8, 6}, {0x8100, 7}, {0x8100, 5}}, false, 0xc6138009, "2001:db8:7::9"},
  };
  for (const Family family : kFamilies) {
    for (const Case& each : cases) {
      const Endpoint client =
          family == Family::v4 ? common::make_endpoint_v4(each.v4, 4000) : address(each.v6, 4000);
      Wrapping wrapping = from_client(client);
      const uint64_t good = proto::make_connection_id(kKeys[1], client, sockets_->unix_s());
      const Bytes plain = frame_of(wrapping, connect_request());
      wrapping.tags = each.tags;
      const Bytes frame = frame_of(wrapping, connect_request());
      const std::string text = std::to_string(each.tags.size()) + " tags";
      if (sockets_->has_vlans() || !each.ours) {
        expect(frame, each.ours ? SHIELD_CONNECT_ANSWERED : SHIELD_DECISIONS, text);
      } else {
        // This kernel has no VLANs: as without tags, and with the same ones in front.
        const auto tagged = shield_->run(frame);
        const auto bare = shield_->run(plain);
        Bytes expected = bare.value().frame;
        expected.insert(expected.begin() + 12, frame.begin() + 12,
                        frame.begin() + 12 + static_cast<std::ptrdiff_t>(4 * each.tags.size()));
        for (size_t i = 0; i < each.tags.size(); ++i) expected[14 + 4 * i] &= 0x0f;  // without a priority
        check(counted() == SHIELD_CONNECT_ANSWERED && tagged.value().frame == expected &&
                  unwrap(expected).has_value(),
              text);
      }
      if (!each.ours) continue;
      expect(frame_of(wrapping, announce_request(good)), SHIELD_PASSED_REQUEST, text + ", announce");
      expect(frame_of(wrapping, Bytes(3)), SHIELD_DROPPED_TOO_SHORT, text + ", short");
      for (size_t size = 14; size < frame.size(); ++size)
        compare(Bytes(frame.begin(), frame.begin() + static_cast<std::ptrdiff_t>(size)));
    }
  }
}

void Comparison::sources() {
  for (const Family family : kFamilies) {
    Wrapping wrapping = from_client(client_of(family));
    wrapping.from.port = 0;
    const uint64_t good = proto::make_connection_id(kKeys[0], wrapping.from, sockets_->unix_s());
    expect(frame_of(wrapping, connect_request()), SHIELD_DROPPED_SOURCE_PORT, "source port 0");
    expect(frame_of(wrapping, announce_request(good)), SHIELD_DROPPED_SOURCE_PORT, "source port 0, announce");
    wrapping = from_client(client_of(family));
    wrapping.from_hardware[0] |= 1;
    expect(frame_of(wrapping, connect_request()), SHIELD_PASSED_CONNECT, "a group's hardware address");
  }
  const auto from = [&](const char* text, ShieldDecision expected) {
    const Endpoint client = address(text, 4444);
    expect(frame_of(from_client(client), connect_request()), expected, text);
    const uint64_t good = proto::make_connection_id(kKeys[0], client, sockets_->unix_s());
    compare(frame_of(from_client(client), announce_request(good)));
    compare(frame_of(from_client(client), announce_request(0)));
  };
  for (const char* text : {"0.0.0.0", "0.1.2.3", "127.0.0.1", "127.9.9.9", "224.0.0.1", "239.1.2.3",
                           "240.0.0.1", "255.255.255.255", "192.0.2.1", "192.0.2.255", "192.0.2.0",
                           "::", "::1", "::2", "fe80::1", "febf::1", "ff02::1", "ff0e::9", "2001:db8::1"}) {
    from(text, SHIELD_PASSED_CONNECT);
  }
  // IPv4 in IPv6: the parser of addresses makes IPv4 of it.
  Endpoint mapped = client_v6();
  mapped.address = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 203, 0, 113, 5};
  expect(frame_of(from_client(mapped), connect_request()), SHIELD_PASSED_CONNECT, "an IPv4-mapped source");
  for (const char* text :
       {"1.0.0.1", "126.1.1.1", "128.0.0.1", "10.1.2.3", "172.16.1.1", "192.168.1.9", "100.64.0.1",
        "223.255.255.254", "100::1", "2001:db8:ffff::1", "fc00::1", "fd12::7"}) {
    from(text, SHIELD_CONNECT_ANSWERED);
  }
}

void Comparison::destinations() {
  for (const Family family : kFamilies) {
    const Endpoint client = client_of(family);
    const auto to = [&](const Endpoint& destination, const std::string& what) {
      Wrapping wrapping = from_client(client);
      wrapping.to = destination;
      expect(frame_of(wrapping, connect_request()), SHIELD_DECISIONS, what);
      expect(frame_of(wrapping, announce_request(0)), SHIELD_DECISIONS, what);
      expect(frame_of(wrapping, Bytes(3)), SHIELD_DECISIONS, what);
    };
    Endpoint server = from_client(client).to;
    for (int bit = 0; bit < 16; ++bit) {
      Endpoint other = server;
      other.port = static_cast<uint16_t>(other.port ^ 1 << bit);
      to(other, "port " + std::to_string(other.port));
    }
    for (size_t bit = 0; bit < 8 * common::address_size(family); ++bit) {
      Endpoint other = server;
      other.address[bit / 8] ^= static_cast<uint8_t>(1 << bit % 8);
      to(other, common::address_to_string(other));
    }
    for (const char* text : {"255.255.255.255", "192.0.2.255", "224.0.0.1", "127.0.0.1", "ff02::1", "::1"}) {
      const Endpoint other = address(text, server.port);
      if (other.family == family) to(other, text);
    }
    Wrapping wrapping = from_client(client);
    for (const Hardware& hardware : {Hardware{0xff, 0xff, 0xff, 0xff, 0xff, 0xff},
                                     Hardware{1, 0, 0x5e, 0, 0, 1}, Hardware{2, 0, 0, 0, 0, 9}}) {
      wrapping.to_hardware = hardware;
      expect(frame_of(wrapping, connect_request()), SHIELD_PASSED_ODD, "to another hardware address");
      expect(frame_of(wrapping, Bytes(2)), SHIELD_PASSED_ODD, "to another hardware address");
    }
  }
  // Many addresses of this machine: each is found, none else.
  std::vector<Endpoint> targets;
  for (uint32_t i = 0; i < Shield::kAddressesMax; ++i) {
    targets.push_back(common::make_endpoint_v4(0x0a000001 + i * 7, static_cast<uint16_t>(6969 + i % 3)));
    Endpoint v6 = client_v6(i * 11);
    v6.port = 6969;
    targets.push_back(v6);
  }
  check(shield_->set_addresses(targets, {}) == 0, "as many addresses as it can have");
  for (const Endpoint& target : targets) {
    Wrapping wrapping = from_client(client_of(target.family, 5000));
    wrapping.to = target;
    check(shield_->run(frame_of(wrapping, connect_request())).has_value() &&
              counted() == SHIELD_CONNECT_ANSWERED,
          common::to_string(target));
    wrapping.to.port = 6960;
    check(shield_->run(frame_of(wrapping, connect_request())).has_value() && !counted(),
          common::to_string(wrapping.to));
  }
  const size_t before = targets.size();
  targets.push_back(server_v4());
  targets.push_back(server_v6());
  targets.push_back(server_v6());
  check(before == 2 * Shield::kAddressesMax && shield_->set_addresses(targets, {}) == 3, "more addresses");
  shield_->set_addresses({}, {});
  check(shield_->run(frame_of(from_client(client_v4()), connect_request())).has_value() && !counted(),
        "no addresses");
}

void Comparison::denied() {
  common::Prng prng(7);
  common::NetworkSet::Builder builder;
  std::vector<Endpoint> edges;
  const auto add = [&](const common::AddressRange& range) {
    builder.add(range);
    for (const Endpoint& bound : {range.first, range.last}) {
      for (const int step : {-1, 0, 1}) {
        Endpoint near = bound;
        const size_t last = common::address_size(near.family) - 1;
        near.address[last] = static_cast<uint8_t>(near.address[last] + step);
        edges.push_back(near);
      }
    }
  };
  for (const char* text : {"198.51.100.0/24", "203.0.113.128/25", "5.0.0.0/8", "6.0.0.0/15",
                           "223.255.255.255/32", "9.9.9.9/32", "9.9.9.10/32", "2a00:1::/32", "2a00:2::/64",
                           "2a00:2:0:1::8/128", "2a00:3::/63", "fd00::/8", "2a00:4::1:0/112", "ffff::/16"}) {
    add(common::range_of(common::parse_network(text).value()));
  }
  for (int i = 0; i < 300; ++i) {
    // Many in one upper half.
    const uint32_t first = 0x2e010000 + prng.below(0xffff);
    add({common::make_endpoint_v4(first, 0), common::make_endpoint_v4(first + prng.below(40), 0)});
    const uint32_t any = 0x01000000 + prng.below(0x7c000000);
    add({common::make_endpoint_v4(any, 0), common::make_endpoint_v4(any + prng.below(1 << 20), 0)});
    Endpoint v6 = client_v6(prng.below(8));
    for (size_t k = 14 - prng.below(8); k < 16; ++k) v6.address[k] = static_cast<uint8_t>(prng.next());
    v6.port = 0;
    Endpoint end = v6;
    for (size_t k = 15 - prng.below(9); k < 16; ++k) end.address[k] = 0xff;
    if (v6 <= end) add({v6, end});
  }
  const auto denied = std::make_shared<const common::NetworkSet>(std::move(builder));
  check(shield_->prepare_denied(denied.get()), "it takes all");
  const Bytes first = frame_of(from_client(address("5.1.2.3", 4000)), connect_request());
  expect(first, SHIELD_CONNECT_ANSWERED, "prepared, not in use");
  shield_->use_denied();
  sockets_->set_denied(denied);
  for (size_t i = 0; i < edges.size(); i += stride_) {
    Endpoint client = edges[i];
    client.port = 4000;
    const ShieldDecision is = compare(frame_of(from_client(client), connect_request()));
    check((is == SHIELD_DROPPED_NETWORK) == denied->contains(client), common::address_to_string(client));
    const uint64_t good = proto::make_connection_id(kKeys[0], client, sockets_->unix_s());
    const ShieldDecision announce = compare(frame_of(from_client(client), announce_request(good)));
    check((announce == SHIELD_DROPPED_NETWORK) == denied->contains(client),
          common::address_to_string(client));
  }
  // Another set, one of a family alone, one that is too large, and none.
  const auto one = std::make_shared<const common::NetworkSet>(
      std::vector<common::Network>{common::parse_network("2a00:1450::/32").value()});
  shield_->prepare_denied(one.get());
  shield_->use_denied();
  sockets_->set_denied(one);
  expect(first, SHIELD_CONNECT_ANSWERED, "replaced");
  expect(frame_of(from_client(client_v6()), connect_request()), SHIELD_DROPPED_NETWORK, "IPv6 alone");
  common::NetworkSet::Builder many;
  for (uint32_t i = 0; i <= Shield::kDeniedV4Max; ++i) {
    const Endpoint single = common::make_endpoint_v4(0x01000001 + 2 * i, 0);
    many.add({single, single});
    if (i == Shield::kDeniedV4Max - 1) {
      common::NetworkSet::Builder most = many;
      const common::NetworkSet full(std::move(most));
      check(shield_->prepare_denied(&full), "as many ranges as it can have");
      shield_->use_denied();
      const auto is_dropped = [&](uint32_t number) {
        Wrapping wrapping = from_client(common::make_endpoint_v4(number, 4000));
        return shield_->run(frame_of(wrapping, connect_request())).has_value() &&
               counted() == SHIELD_DROPPED_NETWORK;
      };
      for (uint32_t k = 0; k < 2000; k += static_cast<uint32_t>(stride_)) {
        const uint32_t number = 0x01000000 + 2 * prng.below(static_cast<uint32_t>(Shield::kDeniedV4Max));
        check(is_dropped(number + 1) && !is_dropped(number), "one of very many");
      }
    }
  }
  const common::NetworkSet over(std::move(many));
  check(!shield_->prepare_denied(&over), "more ranges than it can have");
  shield_->use_denied();
  check(shield_->leaves_denied_to_sockets(Family::v4) && !shield_->leaves_denied_to_sockets(Family::v6),
        "it says so");
  shield_->prepare_denied(nullptr);
  shield_->use_denied();
  check(!shield_->leaves_denied_to_sockets(Family::v4), "it says so no longer");
  sockets_->set_denied(nullptr);
  expect(first, SHIELD_CONNECT_ANSWERED, "none");
}

void Comparison::rates() {
  for (const Family family : kFamilies) {
    const uint32_t base = family == Family::v4 ? 100 : 300;
    Endpoint asked;
    shield_->take_over_rate();
    // A bucket is ten seconds' worth. Connects and bad ids are not charged, but not served either.
    const auto ask = [&](uint32_t number, uint32_t host, bool connect, ShieldDecision expected,
                         const std::string& what) {
      Endpoint client = client_of(family, number);
      client.address[family == Family::v4 ? 3 : 7] = static_cast<uint8_t>(host);
      client.port = static_cast<uint16_t>(2000 + host);
      asked = client;
      const uint64_t good = proto::make_connection_id(kKeys[0], client, sockets_->unix_s());
      expect(frame_of(from_client(client), connect ? connect_request() : announce_request(good)), expected,
             what);
    };
    shield_->set_rates(1, 0, 1);
    sockets_->set_rates(1, 0);
    for (int i = 0; i < 50; ++i) ask(base, 1, true, SHIELD_CONNECT_ANSWERED, "connects do not count");
    for (int i = 0; i < 10; ++i)
      ask(base, 1, false, SHIELD_PASSED_REQUEST, "announce " + std::to_string(i) + " of 10");
    ask(base, 1, false, SHIELD_DROPPED_RATE_ADDRESS, "the 11th announce");
    ask(base, 1, true, SHIELD_DROPPED_RATE_ADDRESS, "a connect after it");
    const auto over = shield_->take_over_rate();
    check(over.size() == 1 && over[0].client == node::address_prefix(asked) && over[0].requests == 1,
          "who is over the rate is noted, with the announce and not the connect");
    check(shield_->take_over_rate().empty(), "it is taken once");
    ask(base, 2, false, SHIELD_PASSED_REQUEST, "another client of the network");
    ask(base + 1, 1, true, SHIELD_CONNECT_ANSWERED, "another network");
    if (family == Family::v6) {
      // An IPv6 client whose /64 must not be taken for an IPv4 address.
      Endpoint client = client_of(family, base);
      std::fill(client.address.begin() + 4, client.address.begin() + 8, uint8_t{0xff});
      const uint64_t good = proto::make_connection_id(kKeys[0], client, sockets_->unix_s());
      for (int i = 0; i < 10; ++i)
        expect(frame_of(from_client(client), announce_request(good)), SHIELD_PASSED_REQUEST, "of ffff:ffff");
      expect(frame_of(from_client(client), announce_request(good)), SHIELD_DROPPED_RATE_ADDRESS,
             "the 11th of ffff:ffff");
      const auto odd = shield_->take_over_rate();
      check(odd.size() == 1 && odd[0].client == node::address_prefix(client), "it is noted as itself");
    }
    shield_->set_rates(100, 1, 1);
    sockets_->set_rates(100, 1);
    for (uint32_t i = 0; i < 10; ++i)
      ask(base + 2, i, false, SHIELD_PASSED_REQUEST, "network, announce " + std::to_string(i));
    ask(base + 2, 77, false, SHIELD_DROPPED_RATE_PREFIX, "the network's 11th announce");
    ask(base + 2, 78, true, SHIELD_DROPPED_RATE_PREFIX, "a connect after it");
    check(shield_->take_over_rate().empty(), "nobody is noted for his neighbours");
    ask(base + 3, 1, false, SHIELD_PASSED_REQUEST, "another network");
    shield_->set_rates(0, 0, 1);
    sockets_->set_rates(0, 0);
    ask(base + 2, 78, true, SHIELD_CONNECT_ANSWERED, "no limit");
  }
}

void Comparison::draining() {
  for (const Family family : kFamilies) {
    const Endpoint client = client_of(family);
    shield_->set_answers_connects(false);
    expect(frame_of(from_client(client), connect_request()), SHIELD_PASSED_CONNECT, "draining: connect");
    expect(frame_of(from_client(client), Bytes(2)), SHIELD_DROPPED_TOO_SHORT, "draining: nonsense");
    // Settings that follow each other fast.
    for (int i = 0; i < 40; ++i) {
      shield_->set_answers_connects(i % 2 == 0);
      expect(frame_of(from_client(client), connect_request()),
             i % 2 == 0 ? SHIELD_CONNECT_ANSWERED : SHIELD_PASSED_CONNECT, "on and off");
    }
    shield_->set_answers_connects(true);
    shield_->set_unix_s(0);
    check(shield_->run(frame_of(from_client(client), connect_request())).has_value() &&
              counted() == SHIELD_PASSED_CONNECT,
          "no time yet");
  }
}

void Comparison::bans() {
  const auto now_us = static_cast<uint64_t>(node::monotonic_us());
  for (const Family family : kFamilies) {
    const Endpoint client = client_of(family, 17);
    const node::ClientPrefix prefix = node::address_prefix(client);
    const auto decision = [&](const Endpoint& from) {
      shield_->set_unix_s(sockets_->unix_s());
      check(shield_->run(frame_of(from_client(from), connect_request())).has_value(), "it runs");
      return counted();
    };
    Endpoint neighbour = client;
    ++neighbour.address[15];  // of the same /64
    if (family == Family::v4) ++neighbour.address[3];
    check(shield_->ban(prefix, now_us + 60'000'000), "a ban");
    check(shield_->banned() == 1, "one is banned");
    check(decision(client) == SHIELD_DROPPED_BANNED, "banned");
    check(decision(neighbour) == (family == Family::v4 ? SHIELD_CONNECT_ANSWERED : SHIELD_DROPPED_BANNED),
          "a neighbour");
    check(shield_->ban(prefix, now_us - 1'000'000), "a ban that has ended");
    check(decision(client) == SHIELD_CONNECT_ANSWERED, "the ban has ended");
    shield_->ban(prefix, now_us + 60'000'000);
    check(shield_->banned() == 1, "still one");
    shield_->unban(prefix);
    shield_->unban(prefix);
    check(shield_->banned() == 0 && decision(client) == SHIELD_CONNECT_ANSWERED, "the ban was removed");
  }
}

}  // namespace shoal::test
