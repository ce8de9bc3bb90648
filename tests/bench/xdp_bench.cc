// xdp_bench: nanoseconds that XDP's program takes for a packet, by BPF_PROG_TEST_RUN: without a driver, a
// cache that others use, or the way of an answer out. Best of several rounds; needs root.

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "common/prng.h"
#include "node/xdp/shield.h"
#include "proto/connection_id.h"
#include "proto/udp_tracker.h"
#include "tests/xdp/frames.h"

namespace {

using namespace shoal;
using node::Shield;
using test::Bytes;

constexpr uint32_t kRepeat = 1'000'000;
constexpr int kRounds = 7;
constexpr size_t kDenied = 2048;
constexpr int64_t kNow = 1'800'000'000;
constexpr common::SipKey kKey = {1, 2, 3};
// Both ends are targets, so that an answer is for one of them again.
const common::Endpoint kServer[] = {common::make_endpoint_v4(0xc0000201, 6969),
                                    common::parse_endpoint("[2001:db8::1]:6969").value()};
const common::Endpoint kClient[] = {common::make_endpoint_v4(0xcb007105, 40000),
                                    common::parse_endpoint("[2a00:1450:4001:80b::5]:40000").value()};

uint32_t best_ns(Shield& shield, const Bytes& frame, Shield::Verdict expected) {
  uint32_t best = UINT32_MAX;
  for (int i = 0; i < kRounds; ++i) {
    const auto run = shield.run(frame, kRepeat);
    if (!run || run->verdict != expected) {
      std::fprintf(stderr, "%s\n", run ? "not the expected verdict" : run.error().message.c_str());
      std::exit(1);
    }
    best = std::min(best, run->ns);
  }
  return best;
}

Bytes frame(size_t family, const Bytes& datagram) {
  test::Wrapping wrapping;
  wrapping.from = kClient[family];
  wrapping.to = kServer[family];
  return test::frame_of(wrapping, datagram);
}

Bytes connect_frame(size_t family) {
  Bytes request(proto::kUdpConnectSize);
  proto::write_connect_request(request, 0x01020304);
  Bytes out = frame(family, request);
  const size_t checksum = out.size() - request.size() - 2;
  out.push_back(out[checksum]);
  out.push_back(out[checksum + 1]);
  return out;
}

Bytes announce_frame(size_t family, uint64_t id) {
  Bytes request(proto::kUdpAnnounceSize);
  proto::write_announce_request(request, id, 1, {});
  return frame(family, request);
}

common::NetworkSet some_networks() {
  common::Prng prng(1);
  common::NetworkSet::Builder builder;
  for (size_t i = 0; i < kDenied; ++i) {
    builder.add(
        common::Network{common::make_endpoint_v4(0x01000000 + (prng.below(0xc0000000) & 0xffffff00), 0), 24});
    common::Network v6{{common::Family::v6, {0x2a, 0x00, 0x20}, 0}, 48};
    for (size_t k = 3; k < 6; ++k) v6.address.address[k] = static_cast<uint8_t>(prng.next());
    builder.add(v6);
  }
  return common::NetworkSet(std::move(builder));
}

void set_up(Shield& shield) {
  const std::array hardware = {test::kServerHardware, test::kClientHardware};
  const std::array targets = {kServer[0], kServer[1], kClient[0], kClient[1]};
  shield.pretend(hardware, {});
  shield.set_addresses(targets, {});
  shield.set_keys(std::span(&kKey, 1));
  shield.set_unix_s(kNow);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: %s SHIELD_AGAIN.o\n", argv[0]);
    return 1;
  }
  std::ifstream file(argv[1], std::ios::binary);
  const Bytes again((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  auto once = Shield::load({11});
  auto repeated = Shield::load({11}, again);
  for (const auto* loaded : {&once, &repeated}) {
    if (!*loaded) {
      std::fprintf(stderr, "%s\n", loaded->error().message.c_str());
      return 1;
    }
    set_up(***loaded);
  }
  const common::NetworkSet networks = some_networks();
  std::printf("%-42s %8s %8s\n", "ns a packet, best of 7 x 1,000,000", "IPv4", "IPv6");
  for (int stage = 0; stage < 3; ++stage) {
    if (stage == 1) {
      for (Shield* shield : {once->get(), repeated->get()}) {
        shield->prepare_denied(&networks);
        shield->use_denied();
      }
    }
    for (Shield* shield : {once->get(), repeated->get()}) {
      shield->set_rates(stage == 0 ? 0 : 50'000, stage == 2 ? 50'000 : 0, 1);
    }
    std::printf("%s\n", stage == 0   ? "no limits"
                        : stage == 1 ? "2,048 denied networks a family, a rate for each address"
                                     : "the same, and a rate for each network");
    const auto row = [&](const char* name, auto&& ns) {
      std::printf("  %-40s %8u %8u\n", name, ns(0), ns(1));
    };
    row("connect answered",
        [&](size_t family) { return best_ns(**repeated, connect_frame(family), Shield::Verdict::transmit); });
    row("announce with a forged id dropped", [&](size_t family) {
      // The first few are passed.
      (void)(*once)->run(announce_frame(family, 7), 100);
      return best_ns(**once, announce_frame(family, 7), Shield::Verdict::drop);
    });
    if (stage == 0) {
      row("announce with a good id passed", [&](size_t family) {
        const uint64_t id = proto::make_connection_id(kKey, kClient[family], kNow);
        return best_ns(**once, announce_frame(family, id), Shield::Verdict::pass);
      });
      row("UDP for another port passed", [&](size_t family) {
        test::Wrapping wrapping;
        wrapping.from = kClient[family];
        wrapping.to = kServer[family];
        wrapping.to.port = 53;
        return best_ns(**once, test::frame_of(wrapping, Bytes(98)), Shield::Verdict::pass);
      });
    }
  }
  return 0;
}
