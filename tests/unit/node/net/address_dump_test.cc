#include "node/net/address_dump.h"

#include <doctest/doctest.h>
#include <linux/if_addr.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <cstring>
#include <random>
#include <string_view>
#include <vector>

#include "tests/unit/support/netlink_bytes.h"

using namespace shoal;
using node::AddressDump;
using test::append;
using test::append_attribute;
using test::Bytes;
using test::pad;

namespace {

constexpr uint32_t kSequence = 7;

Bytes attribute(uint16_t type, common::ByteSpan value) {
  Bytes out;
  append_attribute(out, type, value);
  return out;
}

Bytes message(uint16_t type, uint16_t flags, uint32_t sequence, const Bytes& body) {
  Bytes out;
  append(out, nlmsghdr{static_cast<uint32_t>(sizeof(nlmsghdr) + body.size()), type, flags, sequence, 0});
  out.insert(out.end(), body.begin(), body.end());
  pad(out);
  return out;
}

Bytes about(std::string_view address, uint8_t flags = 0, uint16_t attribute_type = IFA_ADDRESS) {
  const auto parsed = *common::parse_address(address);
  Bytes out;
  ifaddrmsg head{};
  head.ifa_family = parsed.family == common::Family::v4 ? AF_INET : AF_INET6;
  head.ifa_flags = flags;
  append(out, head);
  append_attribute(out, attribute_type, parsed.address_bytes());
  return out;
}

Bytes part(const Bytes& body) { return message(RTM_NEWADDR, NLM_F_MULTI, kSequence, body); }
Bytes done() { return message(NLMSG_DONE, NLM_F_MULTI, kSequence, Bytes(4)); }
Bytes notice(uint16_t type) { return message(type, 0, kSequence, about("192.0.2.77")); }

Bytes operator+(Bytes a, const Bytes& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

AddressDump asked() {
  AddressDump dump;
  (void)dump.request(kSequence);
  return dump;
}

std::vector<std::string> texts(const AddressDump& dump) {
  std::vector<std::string> out;
  for (const auto& address : dump.addresses().own) out.push_back(common::address_to_string(address));
  return out;
}

using Texts = std::vector<std::string>;

}  // namespace

TEST_CASE("address dump: the request asks for all addresses of both families") {
  AddressDump dump;
  const auto request = dump.request(kSequence);
  nlmsghdr header;
  std::memcpy(&header, request.data(), sizeof header);
  CHECK(header.nlmsg_len == request.size());
  CHECK(header.nlmsg_type == RTM_GETADDR);
  CHECK(header.nlmsg_flags == (NLM_F_REQUEST | NLM_F_DUMP));
  CHECK(header.nlmsg_seq == kSequence);
  CHECK(request[16] == AF_UNSPEC);
}

TEST_CASE("address dump: addresses count once the answer is complete, each once") {
  AddressDump dump = asked();
  auto news = dump.read(part(about("192.0.2.9")) + part(about("2001:db8::1")));
  CHECK((!news.done && !news.changed && !news.failed));
  CHECK(dump.addresses().own.empty());
  news = dump.read(part(about("192.0.2.1")) + part(about("192.0.2.9")) + done());
  CHECK((news.done && !news.failed));
  CHECK(texts(dump) == Texts{"192.0.2.1", "192.0.2.9", "2001:db8::1"});
}

TEST_CASE("address dump: the local end of a point-to-point link, not the other") {
  AddressDump dump = asked();
  Bytes both = about("192.0.2.1", 0, IFA_ADDRESS);
  const auto local = *common::parse_address("192.0.2.2");
  both = both + attribute(IFA_LOCAL, local.address_bytes());
  dump.read(part(both) + done());
  CHECK(texts(dump) == Texts{"192.0.2.2"});
}

TEST_CASE("address dump: what no packet from a wire is for is left out") {
  AddressDump dump = asked();
  Bytes all;
  for (const char* address :
       {"127.0.0.1", "127.9.9.9", "::1", "fe80::1", "febf::1", "0.0.0.0", "::", "224.0.0.1"})
    all = all + part(about(address));
  all = all + part(about("2001:db8::7", IFA_F_TENTATIVE)) + part(about("2001:db8::8", IFA_F_DADFAILED));
  all = all + part(about("2001:db8::9", IFA_F_DEPRECATED)) +
        part(about("2001:db8::a", IFA_F_TENTATIVE | IFA_F_OPTIMISTIC)) + part(about("fec0::1"));
  dump.read(all + done());
  CHECK(texts(dump) == Texts{"2001:db8::9", "2001:db8::a", "fec0::1"});
}

TEST_CASE("address dump: the long flags win over the short ones") {
  AddressDump dump = asked();
  const uint32_t flags = IFA_F_TENTATIVE;
  Bytes long_flags(4);
  std::memcpy(long_flags.data(), &flags, 4);
  dump.read(part(about("2001:db8::1") + attribute(IFA_FLAGS, long_flags)) + part(about("2001:db8::2")) +
            done());
  CHECK(texts(dump) == Texts{"2001:db8::2"});
}

TEST_CASE("address dump: an address that comes or goes is a reason to ask again, whoever changed it") {
  for (const uint16_t type : {RTM_NEWADDR, RTM_DELADDR}) {
    AddressDump dump = asked();
    auto news = dump.read(notice(type));
    CHECK((news.changed && !news.done && !news.failed));
    news = dump.read(part(about("192.0.2.1")) + done());
    CHECK(news.done);
    CHECK(texts(dump) == Texts{"192.0.2.1"});  // the notice itself adds nothing
    CHECK(dump.read(notice(type)).changed);
  }
}

TEST_CASE("address dump: an interface that changes is a reason to ask again, and told") {
  for (const uint16_t type : {RTM_NEWLINK, RTM_DELLINK}) {
    AddressDump dump = asked();
    const auto news = dump.read(message(type, 0, kSequence, Bytes(16)));
    CHECK((news.changed && news.link && !news.failed));
  }
  CHECK(!asked().read(notice(RTM_NEWADDR)).link);
}

TEST_CASE(
    "address dump: nobody's source are the machine's own addresses and its networks' broadcast addresses") {
  const auto with_prefix = [](std::string_view address, uint8_t prefix) {
    Bytes body = about(address);
    body[1] = prefix;
    return body;
  };
  AddressDump dump = asked();
  const auto named = *common::parse_address("192.0.2.200");
  dump.read(part(with_prefix("192.0.2.9", 25) + attribute(IFA_BROADCAST, named.address_bytes())) +
            part(with_prefix("198.51.100.1", 31)) + part(with_prefix("127.0.0.1", 8)) +
            part(with_prefix("fe80::1", 64)) + part(with_prefix("2001:db8::1", 64)) + done());
  Texts found;
  for (const auto& address : dump.addresses().no_clients) found.push_back(common::address_to_string(address));
  CHECK(found == Texts{"192.0.2.9", "192.0.2.127", "192.0.2.200", "198.51.100.1", "2001:db8::1"});
  CHECK(texts(dump) == Texts{"192.0.2.9", "198.51.100.1", "2001:db8::1"});
}

TEST_CASE("address dump: an answer that is interrupted, refused or of another request changes nothing") {
  AddressDump dump = asked();
  dump.read(part(about("192.0.2.1")) + done());
  for (const Bytes& bad :
       {message(RTM_NEWADDR, NLM_F_MULTI | NLM_F_DUMP_INTR, kSequence, about("192.0.2.2")),
        message(NLMSG_DONE, NLM_F_MULTI | NLM_F_DUMP_INTR, kSequence, Bytes(4)),
        message(NLMSG_ERROR, 0, kSequence, Bytes(4)), message(NLMSG_OVERRUN, 0, kSequence, {})}) {
    (void)dump.request(kSequence);
    const auto news = dump.read(part(about("192.0.2.3")) + bad);
    CHECK((news.failed && !news.done));
    // The rest of it means nothing any more.
    const auto rest = dump.read(part(about("192.0.2.4")) + done());
    CHECK((!rest.failed && !rest.done && !rest.changed));
    CHECK(texts(dump) == Texts{"192.0.2.1"});
  }
  (void)dump.request(kSequence + 1);
  const auto news = dump.read(part(about("192.0.2.5")) + done());
  CHECK((!news.failed && !news.done && !news.changed));
  CHECK(texts(dump) == Texts{"192.0.2.1"});
}

TEST_CASE("address dump: bytes cut anywhere are refused, and never counted") {
  const Bytes whole = part(about("192.0.2.1")) + part(about("2001:db8::1"));
  for (size_t size = 0; size < whole.size(); ++size) {
    AddressDump dump = asked();
    const auto news = dump.read(Bytes(whole.begin(), whole.begin() + static_cast<long>(size)));
    const bool between =
        size < sizeof(nlmsghdr) || (size >= part(about("192.0.2.1")).size() &&
                                    size < part(about("192.0.2.1")).size() + sizeof(nlmsghdr));
    CHECK(news.failed == !between);
    CHECK(!news.done);
    dump.read(done());
    CHECK(dump.addresses().own.size() <= 1);
  }
}

TEST_CASE("address dump: lengths that lie are refused") {
  const Bytes good = part(about("192.0.2.1"));
  const auto fails = [&](size_t at, uint8_t value) {
    Bytes bad = good;
    bad[at] = value;
    AddressDump dump = asked();
    return dump.read(bad).failed;
  };
  CHECK(!fails(0, good[0]));
  CHECK(fails(0, 0));  // shorter than its header
  CHECK(fails(0, 15));
  CHECK(fails(1, 0xff));  // longer than the datagram
  const size_t first = sizeof(nlmsghdr) + sizeof(ifaddrmsg);
  CHECK(fails(first, 3));
  CHECK(fails(first, 0xff));
  CHECK(fails(first, 5));       // an address of one byte
  CHECK(fails(first + 2, 99));  // no address at all
}

TEST_CASE("address dump: any bytes at all are read to their end") {
  std::mt19937 random(1);
  const Bytes good = part(about("192.0.2.1")) + part(about("2001:db8::1")) + notice(RTM_DELADDR) + done();
  for (int round = 0; round < 20'000; ++round) {
    Bytes bytes = good;
    for (unsigned changes = random() % 8; changes > 0; --changes)
      bytes[random() % bytes.size()] = static_cast<uint8_t>(random());
    bytes.resize(random() % (bytes.size() + 1));
    AddressDump dump = asked();
    const auto news = dump.read(bytes);
    CHECK(!(news.done && dump.addresses().own.size() > 2));
  }
}

TEST_CASE("address dump: more addresses than it keeps are counted") {
  AddressDump dump = asked();
  for (size_t i = 0; i < AddressDump::kAddressesMax + 3; ++i) {
    const auto address = common::make_endpoint_v4(static_cast<uint32_t>(0x0a000000 + i), 0);
    dump.read(part(about(common::address_to_string(address))));
  }
  dump.read(done());
  CHECK(dump.addresses().own.size() == AddressDump::kAddressesMax);
  CHECK(dump.addresses().left_out == 3);
}
