// What the kernel's routing netlink says of this machine's addresses: any bytes, and messages of any kind in
// any order, whole, altered or cut. Nothing is read beyond a datagram; what is kept is bounded, and an answer
// counts only when it is complete: addresses change with `done` alone, to what a plain reader of the same
// messages finds.
//
// The first byte chooses between a script of messages and datagrams as they are.

#include <linux/if_addr.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>
#include <vector>

#include "common/check.h"
#include "node/net/address_dump.h"
#include "tests/unit/support/netlink_bytes.h"

using namespace shoal;
using node::AddressDump;
using node::MachineAddresses;
using test::append;
using test::append_attribute;
using test::Bytes;
using test::pad;

namespace {

constexpr uint32_t kSequence = 7;

bool is_sorted_once(const std::vector<common::Endpoint>& all) {
  return std::is_sorted(all.begin(), all.end()) && std::adjacent_find(all.begin(), all.end()) == all.end();
}

// Which a complete answer may give.
void check_addresses(const MachineAddresses& found) {
  CHECK_INVARIANT(found.own.size() <= AddressDump::kAddressesMax);
  CHECK_INVARIANT(found.no_clients.size() <= 2 * AddressDump::kAddressesMax);
  CHECK_INVARIANT(is_sorted_once(found.own) && is_sorted_once(found.no_clients));
  for (const common::Endpoint& address : found.own) {
    CHECK_INVARIANT(address.port == 0 && !common::is_wildcard(address) && !common::is_multicast(address));
    CHECK_INVARIANT(address.family != common::Family::v4 || address.address[0] != 127);
    CHECK_INVARIANT(std::binary_search(found.no_clients.begin(), found.no_clients.end(), address));
  }
}

class Dump {
 public:
  void ask(uint32_t sequence) {
    const auto request = dump_.request(sequence);
    CHECK_INVARIANT(std::memcmp(request.data() + 8, &sequence, sizeof sequence) == 0);
    asked_ = sequence;
  }
  // True: it is the end of what was asked for.
  bool read(common::ByteSpan datagram) {
    // In memory of its own, so that a read beyond is seen.
    const Bytes come(datagram.begin(), datagram.end());
    const MachineAddresses before = dump_.addresses();
    const AddressDump::News news = dump_.read(come);
    CHECK_INVARIANT(!news.link || news.changed);
    CHECK_INVARIANT(news.done || dump_.addresses() == before);
    CHECK_INVARIANT(!news.done || asked_ != 0);
    if (news.done || news.failed) asked_ = 0;
    check_addresses(dump_.addresses());
    return news.done;
  }
  const MachineAddresses& addresses() const { return dump_.addresses(); }

 private:
  AddressDump dump_;
  uint32_t asked_ = 0;
};

// A message of the kernel, as the script wants it; `own`: the address that it tells, if it tells one.
Bytes message(common::ByteReader& script, bool& as_it_should_be, std::optional<common::Endpoint>& own) {
  const uint8_t kind = script.u8();
  const uint8_t about = script.u8();
  constexpr std::array<uint16_t, 8> kTypes = {RTM_NEWADDR, RTM_NEWADDR, RTM_NEWADDR, NLMSG_DONE,
                                              NLMSG_ERROR, RTM_DELADDR, RTM_NEWLINK, NLMSG_OVERRUN};
  const uint16_t type = kTypes[kind % 8];
  Bytes body;
  if (type == RTM_NEWADDR || type == RTM_DELADDR) {
    const bool v6 = (about & 1) != 0;
    ifaddrmsg head{};
    head.ifa_family = v6 ? AF_INET6 : AF_INET;
    head.ifa_prefixlen = about >> 1 & 31;
    append(body, head);
    std::array<uint8_t, 16> address{};
    if (v6) {
      address = {0x20, 0x01, 0x0d, 0xb8};
      address[14] = script.u8();
      address[15] = about;
    } else {
      address = {192, 0, script.u8(), about};
    }
    const common::ByteSpan value = common::ByteSpan(address).first(v6 ? 16 : 4);
    append_attribute(body, (kind & 8) != 0 ? IFA_LOCAL : IFA_ADDRESS, value);
    if ((about & 128) != 0) append_attribute(body, IFA_BROADCAST, value);
    if ((kind & 16) != 0) append_attribute(body, IFA_CACHEINFO, Bytes(16, about));
    own = common::make_endpoint(value, 0);
  } else {
    body.resize(4);
  }
  const bool multi = (kind & 32) == 0;
  const uint32_t sequence = (kind & 64) == 0 ? kSequence : kSequence + about % 2;
  as_it_should_be = multi && sequence == kSequence && (type == RTM_NEWADDR || type == NLMSG_DONE);
  Bytes out;
  append(out, nlmsghdr{static_cast<uint32_t>(sizeof(nlmsghdr) + body.size()), type,
                       static_cast<uint16_t>(multi ? NLM_F_MULTI : 0), sequence, 0});
  out.insert(out.end(), body.begin(), body.end());
  pad(out);
  if ((kind & 128) != 0) {
    out[script.u8() % out.size()] ^= static_cast<uint8_t>(1 + about % 255);
    as_it_should_be = false;
  }
  return out;
}

void run_script(common::ByteReader script) {
  Dump dump;
  dump.ask(kSequence);
  std::vector<common::Endpoint> told;  // in answers that are as they should be
  bool clean = true;
  bool ended = false;  // what follows is not of the answer
  Bytes datagram;
  while (script.ok() && script.remaining() > 0) {
    const uint8_t step = script.u8();
    bool as_it_should_be = true;
    std::optional<common::Endpoint> own;
    if (step % 16 == 15) {
      dump.ask(kSequence);
      told.clear();
      ended = false;
      clean = datagram.empty();
    } else {
      const Bytes more = message(script, as_it_should_be, own);
      datagram.insert(datagram.end(), more.begin(), more.end());
      if (as_it_should_be && own && !ended) told.push_back(*own);
      ended = ended || (as_it_should_be && !own);
    }
    clean = clean && as_it_should_be;
    if (step % 4 != 0) continue;
    const bool done = dump.read(datagram);
    if (done && clean) {
      std::sort(told.begin(), told.end());
      told.erase(std::unique(told.begin(), told.end()), told.end());
      CHECK_INVARIANT(dump.addresses().own == told && dump.addresses().left_out == 0);
    }
    datagram.clear();
  }
  dump.read(datagram);
}

// Datagrams as they are, each with its size before it.
void run_raw(common::ByteReader script) {
  Dump dump;
  dump.ask(kSequence);
  while (script.ok() && script.remaining() > 0) {
    const size_t size = script.u16();
    if (size == 0) dump.ask(kSequence);
    dump.read(script.take(std::min(size, script.remaining())));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  common::ByteReader script({data, size});
  if (script.u8() % 2 == 0) {
    run_script(script);
  } else {
    run_raw(script);
  }
  return 0;
}
