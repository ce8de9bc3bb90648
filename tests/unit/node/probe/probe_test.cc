#include "node/probe/probe.h"

#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <functional>
#include <thread>

#include "proto/udp_tracker.h"

using namespace shoal::node;
using shoal::common::ByteSpan;
using shoal::common::to_string;
using shoal::proto::UdpKind;
using shoal::proto::UdpRequest;

namespace {

// A UDP tracker of one thread on loopback: `answer` writes the answer to a request and returns its size, 0
// for none.
class FakeTracker {
 public:
  using Answer = std::function<size_t(const UdpRequest&, std::span<uint8_t>)>;

  explicit FakeTracker(Answer answer) : fd_(socket(AF_INET, SOCK_DGRAM, 0)), answer_(std::move(answer)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    REQUIRE(bind(fd_, reinterpret_cast<sockaddr*>(&address), size) == 0);
    REQUIRE(getsockname(fd_, reinterpret_cast<sockaddr*>(&address), &size) == 0);
    const timeval poll_interval{0, 20'000};
    REQUIRE(setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &poll_interval, sizeof poll_interval) == 0);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { run(); });
  }
  ~FakeTracker() {
    stop_ = true;
    thread_.join();
    close(fd_);
  }

  ProbeReport probe(int timeout_ms) const {
    ProbeTarget target;
    target.url = *parse_tracker_url("udp://127.0.0.1:" + std::to_string(port_));
    target.timeout = std::chrono::milliseconds(timeout_ms);
    target.announce.event = shoal::proto::Event::started;
    target.announce.left = 1;
    target.announce.port = 6881;
    return probe_udp(target);
  }

 private:
  void run() {
    std::array<uint8_t, 2048> in, out;
    while (!stop_) {
      sockaddr_in from{};
      socklen_t size = sizeof from;
      const ssize_t received =
          recvfrom(fd_, in.data(), in.size(), 0, reinterpret_cast<sockaddr*>(&from), &size);
      if (received < 0) continue;
      const auto request = shoal::proto::parse_udp_request(ByteSpan(in).first(static_cast<size_t>(received)));
      const size_t answer = answer_(request, out);
      if (answer > 0) sendto(fd_, out.data(), answer, 0, reinterpret_cast<sockaddr*>(&from), size);
    }
  }

  int fd_;
  Answer answer_;
  uint16_t port_ = 0;
  std::atomic<bool> stop_ = false;
  std::thread thread_;
};

size_t good_answer(const UdpRequest& request, std::span<uint8_t> out) {
  using namespace shoal::proto;
  const SwarmCounts counts{1, 2, 3};
  if (request.kind == UdpKind::connect) return write_connect_answer(out, request.transaction_id, 77);
  if (request.connection_id != 77) return 0;
  if (request.kind == UdpKind::scrape) return write_scrape_answer(out, request.transaction_id, {&counts, 1});
  const size_t header = write_announce_header(out, request.transaction_id, 1800, counts);
  constexpr std::array<uint8_t, 6> kPeer = {192, 0, 2, 1, 0x1a, 0xe1};
  std::copy(kPeer.begin(), kPeer.end(), out.begin() + static_cast<ptrdiff_t>(header));
  return header + kPeer.size();
}

std::string steps(const ProbeReport& report) {
  std::string text;
  for (const ProbeStep& step : report.steps) text += step.name + (step.error.empty() ? " " : "! ");
  return text;
}

}  // namespace

TEST_CASE("probe: URLs") {
  const auto udp = parse_tracker_url("udp://tracker.example:6969/announce");
  REQUIRE(udp);
  CHECK(udp->udp);
  CHECK(udp->server == HostPort{"tracker.example", 6969});
  const auto http = parse_tracker_url("http://[::1]:80/x/announce.php");
  REQUIRE(http);
  CHECK(!http->udp);
  CHECK(http->server == HostPort{"::1", 80});
  CHECK(http->path == "/x/announce.php");
  CHECK(parse_tracker_url("http://a.example")->server == HostPort{"a.example", 80});
  CHECK(parse_tracker_url("http://a.example")->path == "/announce");
  const auto https = parse_tracker_url("https://a.example/x/announce");
  REQUIRE(https);
  CHECK((https->tls && !https->udp && !http->tls && !udp->tls));
  CHECK(https->server == HostPort{"a.example", 443});
  CHECK(https->path == "/x/announce");
  CHECK(parse_tracker_url("https://a.example:8443")->server == HostPort{"a.example", 8443});
  for (const char* text :
       {"", "udp://", "udp://a", "udp://a:0", "udp://a:65536", "udp://0.0.0.0:1", "https://", "HTTPS://a",
        "http://", "http:///announce", "http://a:1/a b", "http://a:1/a\r\nx", "http://a:1/announce?x=1",
        "http://u:p@a:1/announce", "ws://a:1", "a:1", "UDP://a:1"}) {
    CAPTURE(text);
    CHECK(!parse_tracker_url(text));
  }
  CHECK(scrape_path("/announce") == "/scrape");
  CHECK(scrape_path("/x/announce.php") == "/x/scrape.php");
  CHECK(!scrape_path("/announce/x"));
  CHECK(!scrape_path("/a"));
}

TEST_CASE("probe: bodies of HTTP trackers") {
  using namespace std::string_literals;
  auto told =
      parse_announce_body("d8:completei5e10:incompletei6e8:intervali1800e5:peers6:\xc0\x00\x02\x01\x1a\xe1"s +
                          "6:peers618:\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01\0\x50"s + "e");
  REQUIRE(told);
  CHECK(told->seeders == 5);
  CHECK(told->leechers == 6);
  REQUIRE(told->peers.size() == 2);
  CHECK(to_string(told->peers[0]) == "192.0.2.1:6881");
  CHECK(to_string(told->peers[1]) == "[2001:db8::1]:80");
  told = parse_announce_body("d8:intervali60e5:peersld2:ip9:192.0.2.14:porti6881eed2:ip3:::14:porti1eeee");
  REQUIRE(told);
  CHECK(told->interval_s == 60);
  REQUIRE(told->peers.size() == 2);
  CHECK(to_string(told->peers[0]) == "192.0.2.1:6881");
  CHECK(to_string(told->peers[1]) == "[::1]:1");
  const auto error = [](std::string_view body) { return parse_announce_body(body).error().message; };
  CHECK(error("d14:failure reason5:no\x1b[2e") == "the tracker refused: no\\x1b[2");
  CHECK(error("<html>").starts_with("the answer is not bencoded"));
  CHECK(error("le") == "the answer is not a bencoded dictionary");
  CHECK(error("de") == "the answer has no interval");
  CHECK(error("d8:intervali1ee") == "the answer has no peers");

  shoal::common::InfoHash hash;
  hash.bytes.fill('h');
  const std::string name(20, 'h');
  const auto scrape =
      parse_scrape_body("d5:filesd20:" + name + "d8:completei1e10:downloadedi2e10:incompletei3eeee", hash);
  REQUIRE(scrape);
  CHECK(scrape->seeders == 1);
  CHECK(scrape->completed == 2);
  CHECK(scrape->leechers == 3);
  CHECK(parse_scrape_body("d5:filesdee", hash)->seeders == 0);
  CHECK(!parse_scrape_body("d5:filesi1ee", hash));
}

TEST_CASE("probe: a UDP tracker that answers; the peer is stopped at the end") {
  std::atomic<int> stopped = 0;
  const FakeTracker tracker([&](const UdpRequest& request, std::span<uint8_t> out) {
    if (request.kind == UdpKind::announce && request.announce.event == shoal::proto::Event::stopped)
      ++stopped;
    return good_answer(request, out);
  });
  const ProbeReport report = tracker.probe(5000);
  CHECK(steps(report) == "connect announce scrape stopped ");
  CHECK(report.ok());
  REQUIRE(report.announce);
  CHECK(report.announce->interval_s == 1800);
  CHECK(report.announce->seeders == 1);
  CHECK(report.announce->leechers == 2);
  REQUIRE(report.announce->peers.size() == 1);
  CHECK(to_string(report.announce->peers[0]) == "192.0.2.1:6881");
  REQUIRE(report.scrape);
  CHECK(report.scrape->completed == 3);
  CHECK(stopped == 1);
}

TEST_CASE("probe: one lost request is sent again") {
  std::atomic<int> requests = 0;
  const FakeTracker tracker([&](const UdpRequest& request, std::span<uint8_t> out) {
    return requests++ == 0 ? 0 : good_answer(request, out);
  });
  CHECK(tracker.probe(400).ok());
  CHECK(requests == 5);
}

TEST_CASE("probe: a silent tracker, an error and nonsense are told apart") {
  const FakeTracker silent([](const UdpRequest&, std::span<uint8_t>) { return 0; });
  auto report = silent.probe(60);
  CHECK(steps(report) == "connect! ");
  CHECK(report.steps[0].error.starts_with("no answer from udp://127.0.0.1:"));
  CHECK(report.steps[0].error.ends_with("within 60 ms"));

  const FakeTracker refusing([](const UdpRequest& request, std::span<uint8_t> out) {
    if (request.kind == UdpKind::connect) return good_answer(request, out);
    return shoal::proto::write_error_answer(out, request.transaction_id, "not \x1b here");
  });
  report = refusing.probe(5000);
  CHECK(steps(report) == "connect announce! stopped! ");
  CHECK(report.steps[1].error == "the tracker refused: not \\x1b here");

  const FakeTracker wrong([](const UdpRequest& request, std::span<uint8_t> out) {
    return shoal::proto::write_connect_answer(out, request.transaction_id, 77);
  });
  report = wrong.probe(5000);
  CHECK(steps(report) == "connect announce! stopped! ");

  // An answer to another transaction is ignored.
  const FakeTracker foreign([](const UdpRequest& request, std::span<uint8_t> out) {
    return shoal::proto::write_connect_answer(out, request.transaction_id + 1, 77);
  });
  CHECK(steps(foreign.probe(60)) == "connect! ");
}
