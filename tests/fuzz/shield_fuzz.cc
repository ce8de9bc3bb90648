// The program of XDP beside a kernel and a UdpServer, with frames made of the input: what the program answers
// is what these answer, and what it drops they do not answer. Without privileges for BPF and a network
// namespace it does nothing, and says so once.

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>

#include "common/check.h"
#include "proto/connection_id.h"
#include "tests/xdp/comparison.h"

using namespace shoal;
using test::Bytes;

namespace {

test::Comparison* comparison() {
  static const auto opened = [] {
    auto tried = test::Comparison::open();
    if (!tried) std::fprintf(stderr, "shield_fuzz is skipped: %s\n", tried.error().message.c_str());
    return tried;
  }();
  return opened ? opened->get() : nullptr;
}

// A frame around the rest of the input, wrong in the ways that the first bytes say.
Bytes frame_from(common::ByteReader& in, const test::SocketPath& sockets) {
  const uint8_t what = in.u8();
  const bool v4 = (what & 1) == 0;
  test::Wrapping wrapping = test::from_client(v4 ? test::client_v4() : test::client_v6());
  const uint8_t wrong = in.u8();
  if ((what & 2) != 0) {
    const auto address = in.take(common::address_size(wrapping.from.family));
    std::copy(address.begin(), address.end(), wrapping.from.address.begin());
  }
  if ((what & 4) != 0) wrapping.from.port = in.u16();
  if ((what & 8) != 0) wrapping.padding = in.u8() % 24;
  if ((what & 16) != 0) wrapping.tags.push_back({0x8100, in.u16()});
  if ((wrong & 1) != 0) wrapping.udp_checksum = static_cast<test::Wrapping::Checksum>(in.u8() % 4);
  if ((wrong & 2) != 0) wrapping.ip_size_off = static_cast<int8_t>(in.u8());
  if ((wrong & 4) != 0) wrapping.udp_size_off = static_cast<int8_t>(in.u8());
  if ((wrong & 8) != 0) wrapping.fragment = in.u16();
  if ((wrong & 16) != 0) wrapping.to.port = in.u16();
  if ((wrong & 32) != 0) wrapping.ttl = wrapping.service = in.u8();
  if ((wrong & 64) != 0) wrapping.right_ip_checksum = false;
  if ((wrong & 128) != 0) {
    const auto options = in.take(8);
    wrapping.options.assign(options.begin(), options.end());
    wrapping.first_extension = wrapping.options.empty() ? 0 : wrapping.options[0];
  }
  const auto rest = in.rest();
  Bytes datagram(rest.begin(),
                 rest.begin() + static_cast<std::ptrdiff_t>(std::min<size_t>(rest.size(), 1472)));
  if ((what & 32) != 0 && datagram.size() >= 16) {
    const uint64_t id =
        proto::make_connection_id(sockets.keys()[what >> 6 & 1], wrapping.from, sockets.unix_s());
    for (size_t i = 0; i < 8; ++i) datagram[i] = static_cast<uint8_t>(id >> (56 - 8 * i));
  } else if ((what & 64) != 0) {
    const Bytes connect = test::connect_request();
    datagram.resize(std::max<size_t>(datagram.size(), 12));
    std::copy_n(connect.begin(), 12, datagram.begin());
  }
  return test::frame_of(wrapping, datagram);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  test::Comparison* const both = comparison();
  if (both == nullptr || size < 2) return 0;
  common::ByteReader in(common::ByteSpan(data, size));
  // The program counts bad connection ids that the kernel drops for another reason: each input has a second
  // of its own.
  both->sockets().pass_seconds(2);
  Bytes frame;
  if (in.u8() % 4 == 0) {
    // A raw one, from the router's hardware for ours: the program answers whoever sent the frame, the kernel
    // its router.
    const auto rest = in.rest();
    frame.assign(rest.begin(),
                 rest.begin() + static_cast<std::ptrdiff_t>(std::min<size_t>(rest.size(), 1600)));
    frame.resize(std::max<size_t>(frame.size(), 14));
    std::copy(test::kServerHardware.begin(), test::kServerHardware.end(), frame.begin());
    std::copy(test::kClientHardware.begin(), test::kClientHardware.end(), frame.begin() + 6);
  } else {
    frame = frame_from(in, both->sockets());
  }
  both->compare(frame);
  if (both->report().failed != 0) {
    for (const std::string& failure : both->report().failures) std::fprintf(stderr, "%s\n", failure.c_str());
    std::abort();
  }
  return 0;
}
