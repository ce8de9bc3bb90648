#include "node/websocket/web_hub.h"

#include <doctest/doctest.h>

#include <vector>

#include "proto/web_relay.h"

using namespace shoal;
using namespace shoal::node;

namespace {

constexpr uint64_t kRun = 7;

std::vector<uint8_t> message_to(uint16_t worker, size_t size = 100) {
  std::vector<uint8_t> bytes(size);
  common::ByteWriter(bytes).u64(common::web_connection(worker, 5));
  return bytes;
}

struct Fixture {
  WebHub hub{kRun, 2};
  int wakes = 0;

  Fixture() {
    for (size_t i = 0; i < 2; ++i) hub.inbox(i).set_wake([this] { ++wakes; });
  }
  size_t waiting(size_t worker) {
    std::vector<WebMessage> taken;
    hub.inbox(worker).take(taken);
    return taken.size();
  }
};

}  // namespace

TEST_CASE("web hub: a message reaches the worker that holds the connection, and wakes it once") {
  Fixture f;
  f.hub.send(kRun, message_to(1));
  f.hub.deliver(9, message_to(1));
  CHECK(f.wakes == 1);
  std::vector<WebMessage> taken;
  f.hub.inbox(1).take(taken);
  REQUIRE(taken.size() == 2);
  CHECK(taken[0].from_run == kRun);
  CHECK(taken[1].from_run == 9);
  CHECK(taken[1].bytes == message_to(1));
  CHECK(f.waiting(0) == 0);
  f.hub.send(kRun, message_to(1));
  CHECK(f.wakes == 2);
}

TEST_CASE("web hub: what is for another run goes to the control thread, if somebody takes it") {
  Fixture f;
  f.hub.send(8, message_to(0));
  CHECK(f.hub.counters().dropped_outgoing == 1);
  int wakes = 0;
  f.hub.on_outgoing([&wakes] { ++wakes; });
  f.hub.send(8, message_to(0));
  CHECK(wakes == 1);
  std::vector<OutgoingWebMessage> out;
  f.hub.take_outgoing(out);
  REQUIRE(out.size() == 1);
  CHECK(out[0].to_run == 8);
  CHECK(out[0].bytes == message_to(0));
  f.hub.on_outgoing(nullptr);
  f.hub.send(8, message_to(0));
  CHECK(f.hub.counters().dropped_outgoing == 2);
}

TEST_CASE("web hub: what nobody can have is counted") {
  Fixture f;
  f.hub.deliver(9, message_to(2));
  f.hub.deliver(9, std::vector<uint8_t>(7));
  CHECK(f.hub.counters().misdirected == 2);
  f.hub.inbox(0).set_wake(nullptr);
  f.hub.send(kRun, message_to(0));
  CHECK(f.hub.counters().dropped_local == 1);
}

TEST_CASE("web hub: an inbox that is full takes no more, and does again when it has been emptied") {
  Fixture f;
  constexpr size_t kSize = 1 << 20;
  size_t sent = 0;
  while (f.hub.counters().dropped_local == 0) {
    f.hub.send(kRun, message_to(0, kSize));
    ++sent;
  }
  CHECK(sent == WebInbox<WebMessage>::kBytesMax / kSize);
  CHECK(f.waiting(0) == sent - 1);
  f.hub.send(kRun, message_to(0, kSize));
  CHECK(f.waiting(0) == 1);
}
