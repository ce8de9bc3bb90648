#include "bench/udp_load.h"

#include <netinet/in.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>

#include "node/net/socket_address.h"
#include "proto/udp_tracker.h"

namespace shoal::bench {

namespace {

constexpr int kOn = 1;
constexpr int kBufferBytes = 4 << 20;
constexpr uint64_t kNapNs = 15'000;
constexpr uint64_t kLongNapNs =
    250'000;                       // at a low rate, where the load must not take a CPU from what it tries
constexpr double kLowRate = 1000;  // requests a second
constexpr uint64_t kPatienceNs = 300'000'000;  // after this time a request counts as lost
constexpr uint64_t kReconnectNs = 50'000'000'000;
constexpr uint32_t kScrapeMax = 10;
constexpr uint64_t kScrapedSize = 12;
constexpr size_t kRateBatchMax = 16;

[[noreturn]] void die(const char* what) {
  std::perror(what);
  std::exit(1);
}

void nap(uint64_t length_ns = kNapNs) {
  const timespec time{0, static_cast<long>(length_ns)};
  clock_nanosleep(CLOCK_MONOTONIC, 0, &time, nullptr);
}

template <class Number>
Number load(const uint8_t* at) {
  Number value;
  std::memcpy(&value, at, sizeof value);
  if constexpr (sizeof value == 8) return __builtin_bswap64(value);
  return __builtin_bswap32(value);
}

void store(uint8_t* at, uint64_t value) {
  value = __builtin_bswap64(value);
  std::memcpy(at, &value, 8);
}

void store(uint8_t* at, uint32_t value) {
  value = __builtin_bswap32(value);
  std::memcpy(at, &value, 4);
}

}  // namespace

UdpLoad::UdpLoad(const Settings& settings, const Workload& workload)
    : settings_(settings), workload_(workload), prng_(settings.seed), ring_(kRing) {
  prctl(PR_SET_TIMERSLACK, 1);
  for (size_t i = 0; i < kBatch; ++i) {
    out_slices_[i] = {out_bytes_[i].data(), 0};
    out_[i].msg_hdr.msg_iov = &out_slices_[i];
    out_[i].msg_hdr.msg_iovlen = 1;
    in_slices_[i] = {in_bytes_[i].data(), in_bytes_[i].size()};
    in_[i].msg_hdr.msg_iov = &in_slices_[i];
    in_[i].msg_hdr.msg_iovlen = 1;
  }
  open_clients();
}

UdpLoad::~UdpLoad() {
  for (const Client& client : clients_) close(client.fd);
}

namespace {

common::Endpoint client_after(common::Endpoint first, uint32_t number) {
  const size_t size = common::address_size(first.family);
  uint32_t low = load<uint32_t>(first.address.data() + size - 4) + (number / 250 << 8) + number % 250;
  store(first.address.data() + size - 4, low);
  return first;
}

}  // namespace

void UdpLoad::open_clients() {
  clients_.resize(workload_.clients());
  const bool v6 = settings_.tracker.family == common::Family::v6;
  sockaddr_storage tracker{};
  const socklen_t tracker_size = node::to_sockaddr(settings_.tracker, tracker);
  for (uint32_t i = 0; i < clients_.size(); ++i) {
    const int fd = socket(v6 ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) die("cannot open a socket");
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &kBufferBytes, sizeof kBufferBytes);
    setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &kBufferBytes, sizeof kBufferBytes);
    if (v6) setsockopt(fd, IPPROTO_IPV6, IPV6_FREEBIND, &kOn, sizeof kOn);
    sockaddr_storage address{};
    const socklen_t size = node::to_sockaddr(client_after(settings_.first_client, i), address);
    if (bind(fd, reinterpret_cast<sockaddr*>(&address), size) != 0) die("cannot bind");
    if (connect(fd, reinterpret_cast<const sockaddr*>(&tracker), tracker_size) != 0) die("cannot connect");
    clients_[i].fd = fd;
  }
  for (uint32_t i = 0; i < clients_.size(); ++i) connect_client(i);
}

// Requests a client's first connection id until it arrives.
void UdpLoad::connect_client(uint32_t client) {
  constexpr int kAttempts = 50;
  std::array<uint8_t, 16> request;
  std::array<uint8_t, 2048> answer;
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    proto::write_connect_request(request, client);
    send(clients_[client].fd, request.data(), request.size(), 0);
    for (int look = 0; look < 2000; ++look) {
      const ssize_t size = recv(clients_[client].fd, answer.data(), answer.size(), 0);
      if (size == 16 && load<uint32_t>(answer.data()) == 0 && load<uint32_t>(answer.data() + 4) == client) {
        clients_[client].connection_id = load<uint64_t>(answer.data() + 8);
        clients_[client].connected_ns = monotonic_ns();
        return;
      }
      nap();
    }
  }
  std::fprintf(stderr, "the tracker does not answer\n");
  std::exit(1);
}

uint32_t UdpLoad::next_client() {
  const uint32_t client = next_client_;
  next_client_ = (next_client_ + 1) % static_cast<uint32_t>(clients_.size());
  return client;
}

UdpLoad::Kind UdpLoad::draw_kind() {
  const UdpMix& mix = settings_.mix;
  const uint32_t draw = prng_.below(mix.connect + mix.announce + mix.scrape);
  if (draw < mix.connect) return Kind::connect;
  return draw < mix.connect + mix.announce ? Kind::announce : Kind::scrape;
}

size_t UdpLoad::write_request(Pending& pending, size_t index, Kind kind, uint8_t* out) {
  const Client& client = clients_[pending.client];
  pending.kinds[index] = kind;
  store(out, kind == Kind::connect ? proto::kUdpMagic : client.connection_id);
  store(out + 8, static_cast<uint32_t>(kind));
  store(out + 12, static_cast<uint32_t>(pending.sequence << 6 | index));
  if (kind == Kind::connect) return proto::kUdpConnectSize;
  if (kind == Kind::scrape) {
    const uint32_t hashes = 1 + prng_.below(kScrapeMax);
    pending.hashes[index] = static_cast<uint8_t>(hashes);
    for (uint32_t i = 0; i < hashes; ++i) {
      const common::InfoHash hash = torrent_hash(workload_.random_torrent(prng_));
      std::memcpy(out + proto::kUdpScrapeHeaderSize + i * 20, hash.bytes.data(), 20);
    }
    return proto::kUdpScrapeHeaderSize + hashes * 20;
  }
  const uint32_t peers = workload_.peers_of_client(pending.client);
  const bool filling = client.fill_next != 0;
  const WorkloadPeer peer = workload_.peer(
      pending.client, filling ? client.fill_next - 1 + static_cast<uint32_t>(index) : prng_.below(peers));
  const common::InfoHash hash = torrent_hash(peer.torrent);
  std::memcpy(out + 16, hash.bytes.data(), 20);
  std::memset(out + 36, 0, proto::kUdpAnnounceSize - 36);
  std::memcpy(out + 36, "-SB0001-bench-client", 20);
  if (!peer.seeder) store(out + 64, uint64_t{50});
  store(out + 92, filling ? 0 : settings_.numwant);
  out[96] = static_cast<uint8_t>(peer.port >> 8);
  out[97] = static_cast<uint8_t>(peer.port);
  return proto::kUdpAnnounceSize;
}

void UdpLoad::send_batch(uint32_t client_index, size_t size, uint64_t first_due_ns, bool filling) {
  Client& client = clients_[client_index];
  const uint64_t now_ns = monotonic_ns();
  const uint32_t sequence = next_sequence_++ & 0x3ffffff;
  Pending& pending = ring_[sequence % kRing];
  pending.sequence = sequence;
  pending.client = client_index;
  pending.size = static_cast<uint32_t>(size);
  pending.open = pending.size;
  pending.sent_ns = now_ns;
  pending.first_due_ns = first_due_ns;
  pending.answered.fill(false);
  bool renew = now_ns - client.connected_ns > kReconnectNs;
  if (renew) client.connected_ns = now_ns;
  for (size_t i = 0; i < size; ++i) {
    const Kind kind = filling ? Kind::announce : renew ? Kind::connect : draw_kind();
    renew = false;
    out_slices_[i].iov_len = write_request(pending, i, kind, out_bytes_[i].data());
  }
  in_flight_.push_back(sequence);
  stats_.sent += size;
  for (size_t done = 0; done < size;) {
    const int sent = sendmmsg(client.fd, &out_[done], static_cast<unsigned>(size - done), 0);
    if (sent < 0 && errno != EAGAIN && errno != EINTR && errno != ENOBUFS) die("cannot send");
    if (sent > 0) done += static_cast<size_t>(sent);
  }
}

size_t UdpLoad::receive(uint32_t client) {
  const int count = recvmmsg(clients_[client].fd, in_.data(), kBatch, MSG_DONTWAIT, nullptr);
  if (count < 0 && errno == ECONNREFUSED) die("the tracker is gone");
  if (count <= 0) return 0;
  const uint64_t now_ns = due_step_ns_ > 0 ? monotonic_ns() : 0;
  for (size_t i = 0; i < static_cast<size_t>(count); ++i) {
    take_answer(client, in_bytes_[i].data(), in_[i].msg_len, now_ns);
  }
  return static_cast<size_t>(count);
}

void UdpLoad::take_answer(uint32_t client, const uint8_t* answer, size_t size, uint64_t now_ns) {
  if (size < 8) {
    ++stats_.wrong;
    return;
  }
  const uint32_t transaction = load<uint32_t>(answer + 4);
  const size_t index = transaction % kBatch;
  Pending& pending = ring_[(transaction >> 6) % kRing];
  if (pending.sequence != transaction >> 6 || pending.client != client || index >= pending.size ||
      pending.answered[index] || !answer_fits(clients_[client], pending, index, answer, size)) {
    ++stats_.wrong;
    return;
  }
  pending.answered[index] = true;
  --pending.open;
  stats_.bytes += size;
  if (due_step_ns_ > 0) {
    const uint64_t due =
        pending.first_due_ns + static_cast<uint64_t>(due_step_ns_ * static_cast<double>(index));
    stats_.latency.add(now_ns > due ? now_ns - due : 0);
  }
}

bool UdpLoad::answer_fits(Client& client, const Pending& pending, size_t index, const uint8_t* answer,
                          size_t size) {
  const Kind kind = pending.kinds[index];
  if (load<uint32_t>(answer) != static_cast<uint32_t>(kind)) return false;
  switch (kind) {
    case Kind::connect:
      if (size != 16) return false;
      client.connection_id = load<uint64_t>(answer + 8);
      ++stats_.connects;
      return true;
    case Kind::announce: {
      const size_t each = common::compact_size(settings_.tracker.family);
      if (size < 20 || (size - 20) % each != 0 || (size - 20) / each > settings_.numwant) return false;
      stats_.peers += (size - 20) / each;
      ++stats_.announces;
      return true;
    }
    case Kind::scrape:
      if (size != 8 + pending.hashes[index] * kScrapedSize) return false;
      ++stats_.scrapes;
      return true;
  }
  return false;
}

// Forgets the oldest batches that are answered or overdue.
void UdpLoad::retire(uint64_t now_ns, uint64_t patience_ns) {
  while (!in_flight_.empty()) {
    Pending& oldest = ring_[in_flight_.front() % kRing];
    if (oldest.open != 0) {
      if (now_ns < oldest.sent_ns + patience_ns) return;
      stats_.lost += oldest.open;
      oldest.size = 0;
    }
    in_flight_.pop_front();
  }
}

void UdpLoad::fill() {
  due_step_ns_ = 0;
  uint32_t filled = 0;
  for (Client& client : clients_) client.fill_next = 1;
  while (filled < clients_.size() || !in_flight_.empty()) {
    while (in_flight_.size() < settings_.batches_in_flight && filled < clients_.size()) {
      const uint32_t index = next_client();
      Client& client = clients_[index];
      const uint32_t left = workload_.peers_of_client(index) - (client.fill_next - 1);
      if (left == 0) continue;
      const uint32_t size = std::min<uint32_t>(left, kBatch);
      send_batch(index, size, 0, true);
      client.fill_next += size;
      if (size == left) ++filled;
    }
    if (receive(ring_[in_flight_.front() % kRing].client) == 0) nap();
    retire(monotonic_ns(), kPatienceNs);
  }
  for (Client& client : clients_) client.fill_next = 0;
}

void UdpLoad::run_closed(uint64_t duration_ns) {
  due_step_ns_ = 0;
  const uint64_t end_ns = monotonic_ns() + duration_ns;
  for (uint64_t now_ns = monotonic_ns(); now_ns < end_ns; now_ns = monotonic_ns()) {
    retire(now_ns, kPatienceNs);
    while (in_flight_.size() < settings_.batches_in_flight) send_batch(next_client(), kBatch, 0, false);
    if (receive(ring_[in_flight_.front() % kRing].client) == 0) nap();
  }
}

void UdpLoad::run_at_rate(uint64_t duration_ns, double rate) {
  due_step_ns_ = 1e9 / rate;
  const uint64_t nap_ns = rate < kLowRate ? kLongNapNs : kNapNs;
  const uint64_t start_ns = monotonic_ns();
  uint64_t sent = 0;
  for (uint64_t now_ns = start_ns; now_ns < start_ns + duration_ns; now_ns = monotonic_ns()) {
    const auto due = static_cast<uint64_t>(static_cast<double>(now_ns - start_ns) / due_step_ns_);
    if (due > sent && in_flight_.size() < kRing / 2) {
      const uint64_t size = std::min<uint64_t>(due - sent, kRateBatchMax);
      const auto first_due = static_cast<uint64_t>(static_cast<double>(sent) * due_step_ns_);
      send_batch(next_client(), size, start_ns + first_due, false);
      sent += size;
    }
    size_t received = 0;
    for (const uint32_t sequence : in_flight_) {
      if (ring_[sequence % kRing].open != 0) received += receive(ring_[sequence % kRing].client);
    }
    retire(now_ns, 3 * kPatienceNs);
    if (received == 0) nap(nap_ns);
  }
}

}  // namespace shoal::bench
