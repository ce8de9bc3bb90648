#include "node/net/address_dump.h"

#include <linux/if_addr.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstring>
#include <optional>

namespace shoal::node {

using common::ByteSpan;
using common::Endpoint;
using common::Family;

namespace {

static_assert(AddressDump::kRequestBytes == NLMSG_LENGTH(sizeof(rtgenmsg)) + 3);

// Messages and attributes begin at multiples of four.
constexpr size_t padded(size_t bytes) { return (bytes + 3) & ~size_t{3}; }

// `bytes` without its first `count` ones, as far as there are any.
ByteSpan after(ByteSpan bytes, size_t count) { return bytes.subspan(std::min(count, bytes.size())); }

template <class Header>
std::optional<Header> read_header(ByteSpan bytes) {
  Header header;
  if (bytes.size() < sizeof header) return std::nullopt;
  std::memcpy(&header, bytes.data(), sizeof header);
  return header;
}

bool is_loopback(const Endpoint& address) {
  if (address.family == Family::v4) return address.address[0] == 127;
  return address.address[15] == 1 && std::all_of(address.address.begin(), address.address.begin() + 15,
                                                 [](uint8_t byte) { return byte == 0; });
}

bool is_link_local(const Endpoint& address) {
  return address.family == Family::v6 && address.address[0] == 0xfe && (address.address[1] & 0xc0) == 0x80;
}

// The last address of an IPv4 network; those of 31 and 32 bits have no broadcast address.
std::optional<Endpoint> broadcast_of(const Endpoint& address, uint8_t prefix) {
  if (address.family != Family::v4 || prefix > 30) return std::nullopt;
  Endpoint broadcast = address;
  for (size_t bit = prefix; bit < 32; ++bit)
    broadcast.address[bit / 8] = static_cast<uint8_t>(broadcast.address[bit / 8] | 0x80 >> bit % 8);
  return broadcast;
}

void sort_unique(std::vector<Endpoint>& addresses) {
  std::sort(addresses.begin(), addresses.end());
  addresses.erase(std::unique(addresses.begin(), addresses.end()), addresses.end());
}

}  // namespace

std::array<uint8_t, AddressDump::kRequestBytes> AddressDump::request(uint32_t sequence) {
  sequence_ = sequence;
  found_ = {};
  nlmsghdr header{};
  header.nlmsg_len = kRequestBytes;
  header.nlmsg_type = RTM_GETADDR;
  header.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
  header.nlmsg_seq = sequence;
  std::array<uint8_t, kRequestBytes> bytes{};  // the family, AF_UNSPEC, is 0
  std::memcpy(bytes.data(), &header, sizeof header);
  return bytes;
}

auto AddressDump::read(ByteSpan datagram) -> News {
  News news;
  while (const auto header = read_header<nlmsghdr>(datagram)) {
    if (header->nlmsg_len < sizeof(nlmsghdr) || header->nlmsg_len > datagram.size()) {
      news.failed = true;  // cut, or no message at all
      break;
    }
    const News more = message(header->nlmsg_type, header->nlmsg_flags, header->nlmsg_seq,
                              datagram.first(header->nlmsg_len).subspan(sizeof(nlmsghdr)));
    news.changed |= more.changed;
    news.link |= more.link;
    news.done |= more.done;
    news.failed |= more.failed;
    datagram = after(datagram, padded(header->nlmsg_len));
  }
  if (news.failed) sequence_ = 0;
  return news;
}

auto AddressDump::message(uint16_t type, uint16_t flags, uint32_t sequence, ByteSpan body) -> News {
  // A notice bears the number of the request that made the change, whoever's it was.
  const bool part = (flags & NLM_F_MULTI) != 0;
  if (!part && (type == RTM_NEWADDR || type == RTM_DELADDR)) return {.changed = true};
  if (!part && (type == RTM_NEWLINK || type == RTM_DELLINK)) return {.changed = true, .link = true};
  if (sequence_ == 0 || sequence != sequence_) return {};  // of an earlier request
  // The addresses changed while the kernel listed them.
  if ((flags & NLM_F_DUMP_INTR) != 0) return {.failed = true};
  switch (type) {
    case NLMSG_DONE:
      finish();
      return {.done = true};
    case NLMSG_ERROR:
    case NLMSG_OVERRUN:
      return {.failed = true};
    case RTM_NEWADDR:
      return {.failed = !take(body)};
    default:
      return {};
  }
}

// False: no description of an address.
bool AddressDump::take(ByteSpan body) {
  const auto about = read_header<ifaddrmsg>(body);
  if (!about) return false;
  size_t size = 0;
  if (about->ifa_family == AF_INET) size = 4;
  if (about->ifa_family == AF_INET6) size = 16;
  if (size == 0) return true;  // of another protocol
  uint32_t flags = about->ifa_flags;
  ByteSpan local;  // this end's, where the other end of a point-to-point link is named too
  ByteSpan any;
  ByteSpan broadcast;
  ByteSpan attributes = after(body, padded(sizeof(ifaddrmsg)));
  while (const auto attribute = read_header<rtattr>(attributes)) {
    if (attribute->rta_len < sizeof(rtattr) || attribute->rta_len > attributes.size()) return false;
    const ByteSpan value = attributes.first(attribute->rta_len).subspan(sizeof(rtattr));
    if (attribute->rta_type == IFA_LOCAL && value.size() == size) local = value;
    if (attribute->rta_type == IFA_ADDRESS && value.size() == size) any = value;
    if (attribute->rta_type == IFA_BROADCAST && value.size() == size) broadcast = value;
    if (attribute->rta_type == IFA_FLAGS && value.size() == sizeof flags)
      std::memcpy(&flags, value.data(), sizeof flags);
    attributes = after(attributes, padded(attribute->rta_len));
  }
  const ByteSpan own = local.empty() ? any : local;
  if (own.empty()) return false;
  // Not yet, or never, this machine's: another host may have it. One that is deprecated receives.
  constexpr uint32_t kUnusable = IFA_F_TENTATIVE | IFA_F_DADFAILED;
  if ((flags & kUnusable) != 0 && (flags & IFA_F_OPTIMISTIC) == 0) return true;
  const Endpoint address = common::make_endpoint(own, 0);
  if (address.address_bytes().size() != size) return true;  // IPv4 in IPv6 clothes, which no packet has
  keep(address);
  if (!broadcast.empty()) keep_broadcast(common::make_endpoint(broadcast, 0));
  if (const auto last = broadcast_of(address, about->ifa_prefixlen)) keep_broadcast(*last);
  return true;
}

void AddressDump::keep_broadcast(const Endpoint& address) {
  if (is_loopback(address) || found_.no_clients.size() >= 2 * kAddressesMax) return;
  found_.no_clients.push_back(address);
}

void AddressDump::keep(const Endpoint& address) {
  if (common::is_wildcard(address) || common::is_multicast(address) || is_loopback(address) ||
      is_link_local(address)) {
    return;
  }
  if (found_.own.size() >= kAddressesMax || found_.no_clients.size() >= 2 * kAddressesMax) {
    ++found_.left_out;
    return;
  }
  found_.no_clients.push_back(address);
  found_.own.push_back(address);
}

void AddressDump::finish() {
  sort_unique(found_.own);
  sort_unique(found_.no_clients);
  addresses_ = std::move(found_);
  found_ = {};
  sequence_ = 0;
}

}  // namespace shoal::node
