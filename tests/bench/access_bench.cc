// access_bench [--entries N] [--rounds R]: the access list: seconds to read its file, bytes of memory per
// entry, nanoseconds per lookup of a listed and of an unlisted hash. CPU time of this thread; medians.
// access_bench --networks N [--rounds R]: the same of a list of networks, half IPv4, half IPv6 as it is
// allocated; and what a read at random from 4 and from 32 MB takes on this machine, as each lookup needs one.
// access_bench --places N [--rounds R]: the index of access.geo_counts with N networks, half of each family:
// seconds to make it, bytes, and nanoseconds a peer to count a million in a store, half of each family.

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

#include "bench/measure.h"
#include "common/network.h"
#include "common/prng.h"
#include "node/access/access_list.h"
#include "node/access/network_file.h"
#include "node/access/place_counter.h"
#include "node/access/place_index.h"
#include "node/store/swarm_store.h"

using namespace shoal;

namespace {

common::InfoHash random_hash(common::Prng& prng) {
  common::InfoHash hash;
  for (uint8_t& byte : hash.bytes) byte = static_cast<uint8_t>(prng.next());
  return hash;
}

// The same seed gives the same hashes.
constexpr uint64_t kListedSeed = 1;
constexpr uint64_t kOtherSeed = 2;

std::string write_list(size_t entries) {
  std::string path = "/tmp/shoal-access-bench-XXXXXX";
  const int fd = mkstemp(path.data());
  if (fd < 0) std::exit(1);
  close(fd);
  std::ofstream file(path, std::ios::binary);
  common::Prng prng(kListedSeed);
  for (size_t i = 0; i < entries; ++i) file << common::to_hex(random_hash(prng)) << '\n';
  return path;
}

double lookup_ns(const node::AccessList& list, uint64_t seed, bool listed) {
  constexpr size_t kLookups = 1'000'000;
  common::Prng prng(seed);
  std::vector<common::InfoHash> hashes;
  for (size_t i = 0; i < std::min(kLookups, list.size()); ++i) hashes.push_back(random_hash(prng));
  // In another order than they were added.
  for (size_t i = hashes.size(); i > 1; --i) std::swap(hashes[i - 1], hashes[prng.below(i)]);
  const uint64_t start = bench::thread_cpu_ns();
  size_t found = 0;
  for (const common::InfoHash& hash : hashes) found += list.contains(hash) ? 1 : 0;
  const uint64_t spent = bench::thread_cpu_ns() - start;
  if (found != (listed ? hashes.size() : 0)) {
    std::fprintf(stderr, "access_bench: found %zu of %zu\n", found, hashes.size());
    std::exit(1);
  }
  return static_cast<double>(spent) / static_cast<double>(hashes.size());
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

common::Endpoint v6_address(uint64_t head, uint64_t tail) {
  common::Endpoint address = *common::parse_address("::");
  for (size_t i = 0; i < 8; ++i) {
    address.address[i] = static_cast<uint8_t>(head >> (56 - 8 * i));
    address.address[8 + i] = static_cast<uint8_t>(tail >> (56 - 8 * i));
  }
  return address;
}

// The upper half of an address of one of 32,000 providers.
uint64_t provider_head(common::Prng& prng) {
  constexpr uint64_t kRegistries[] = {0x2001, 0x2400, 0x2409, 0x2600, 0x2800, 0x2a00, 0x2a10, 0x2c00};
  return kRegistries[prng.below(8)] << 48 | uint64_t{prng.below(4'000)} << 35 | (prng.next() & 0xffffffff);
}

std::string write_networks(size_t networks) {
  std::string path = "/tmp/shoal-access-bench-XXXXXX";
  const int fd = mkstemp(path.data());
  if (fd < 0) std::exit(1);
  close(fd);
  std::ofstream file(path, std::ios::binary);
  common::Prng prng(kListedSeed);
  for (size_t i = 0; i < networks; ++i) {
    common::Network network{v6_address(provider_head(prng), 0), 64};
    if (i % 2 == 0)
      network = {common::make_endpoint_v4(static_cast<uint32_t>(prng.next()) & 0xffffff00, 0), 24};
    file << common::to_string(network) << '\n';
  }
  return path;
}

// Each lookup waits for the one before, as it would among other work.
double network_lookup_ns(const common::NetworkSet& set, bool v4) {
  constexpr size_t kLookups = 1'000'000;
  common::Prng prng(kOtherSeed);
  std::vector<common::Endpoint> addresses;
  addresses.reserve(kLookups);
  for (size_t i = 0; i < kLookups; ++i) {
    addresses.push_back(v4 ? common::make_endpoint_v4(static_cast<uint32_t>(prng.next()), 0)
                           : v6_address(provider_head(prng), prng.next()));
  }
  const uint64_t start = bench::thread_cpu_ns();
  bool found = false;
  for (common::Endpoint& address : addresses) {
    address.address[3] ^= found ? 1 : 0;
    found = set.contains(address);
  }
  return static_cast<double>(bench::thread_cpu_ns() - start) / kLookups;
}

double random_read_ns(size_t bytes) {
  constexpr size_t kReads = 1'000'000;
  constexpr size_t kLine = 64 / sizeof(uint32_t);
  const auto lines = static_cast<uint32_t>(bytes / 64);
  std::vector<uint32_t> order(lines);
  for (uint32_t i = 0; i < lines; ++i) order[i] = i;
  common::Prng prng(1);
  for (uint32_t i = lines; i > 1; --i) std::swap(order[i - 1], order[prng.below(i)]);
  std::vector<uint32_t> next(size_t{lines} * kLine);
  for (uint32_t i = 0; i < lines; ++i) next[size_t{order[i]} * kLine] = order[(i + 1) % lines];
  const uint64_t start = bench::thread_cpu_ns();
  uint32_t at = 0;
  for (size_t i = 0; i < kReads; ++i) at = next[size_t{at} * kLine];
  const uint64_t spent = bench::thread_cpu_ns() - start;
  if (at >= lines) std::exit(1);
  return static_cast<double>(spent) / kReads;
}

int measure_networks(size_t networks, size_t rounds) {
  const std::string path = write_networks(networks);
  std::vector<double> read_s;
  std::vector<double> v4_ns;
  std::vector<double> v6_ns;
  std::vector<double> near_ns;
  std::vector<double> far_ns;
  double mb = 0;
  for (size_t round = 0; round < std::max<size_t>(rounds, 1); ++round) {
    const uint64_t start = bench::thread_cpu_ns();
    common::NetworkSet::Builder builder;
    if (!node::load_network_file(path, builder)) return 1;
    const common::NetworkSet set(std::move(builder));
    read_s.push_back(static_cast<double>(bench::thread_cpu_ns() - start) / 1e9);
    mb = static_cast<double>(set.bytes()) / 1e6;
    v4_ns.push_back(network_lookup_ns(set, true));
    v6_ns.push_back(network_lookup_ns(set, false));
    near_ns.push_back(random_read_ns(4 << 20));
    far_ns.push_back(random_read_ns(32 << 20));
  }
  std::remove(path.c_str());
  std::printf(
      "%zu networks: read in %.2f s, %.1f MB, lookup %.0f ns IPv4, %.0f ns IPv6; a read of 4 MB takes %.0f "
      "ns, "
      "of 32 MB %.0f ns\n",
      networks, median(read_s), mb, median(v4_ns), median(v6_ns), median(near_ns), median(far_ns));
  return 0;
}

// Networks next to each other, each of another place than the one before.
node::PlaceIndex make_index(size_t networks) {
  node::PlaceIndex::Builder builder;
  const uint64_t half = std::max<uint64_t>(networks / 2, 1);
  const uint64_t width = (uint64_t{1} << 32) / half;
  const auto place = [](uint64_t i) {
    return node::GeoEntry{{'A', static_cast<char>('A' + i % 26)}, static_cast<uint32_t>(1 + i % 80'000)};
  };
  for (uint64_t i = 0; i < half; ++i) {
    builder.add({common::make_endpoint_v4(static_cast<uint32_t>(i * width), 0),
                 common::make_endpoint_v4(static_cast<uint32_t>(i * width + width - 1), 0)},
                place(i));
  }
  // Of 2000::/4, where addresses are given out.
  const uint64_t wide = (uint64_t{1} << 60) / half;
  for (uint64_t i = 0; i < half; ++i) {
    const uint64_t head = uint64_t{0x2} << 60 | i * wide;
    builder.add({v6_address(head, 0), v6_address(head + wide - 1, UINT64_MAX)}, place(i));
  }
  builder.end_file();
  return node::PlaceIndex(std::move(builder));
}

int measure_places(size_t networks, size_t rounds) {
  constexpr size_t kPeers = 1'000'000;
  constexpr size_t kPeersPerSwarm = 20;
  constexpr common::Tick kNow = 1'000'000;
  node::SwarmStore store({.key = {1}, .replicated = false});
  common::Prng prng(kOtherSeed);
  common::InfoHash hash;
  for (size_t i = 0; i < kPeers; ++i) {
    if (i % kPeersPerSwarm == 0) hash = random_hash(prng);
    common::Endpoint peer = i % 2 == 0 ? common::make_endpoint_v4(static_cast<uint32_t>(prng.next()), 0)
                                       : v6_address(uint64_t{0x2} << 60 | prng.next() >> 4, prng.next());
    peer.port = 6881;
    store.announce(store.locate(hash), {.info_hash = hash, .peer = peer}, common::Moment::begin_of(kNow),
                   prng, {});
  }
  std::vector<double> make_s;
  std::vector<double> peer_ns;
  std::vector<double> read_ns;  // the same without an index worth the name
  size_t bytes = 0;
  for (size_t round = 0; round < std::max<size_t>(rounds, 1); ++round) {
    const auto count_ns = [&](const node::PlaceIndex& index) {
      const uint64_t start = bench::thread_cpu_ns();
      const auto counts = node::count_places(store, index, kNow, {});
      if (!counts || counts->peers < kPeers * 99 / 100) std::exit(1);
      return static_cast<double>(bench::thread_cpu_ns() - start) / kPeers;
    };
    const uint64_t start = bench::thread_cpu_ns();
    const node::PlaceIndex index = make_index(networks);
    make_s.push_back(static_cast<double>(bench::thread_cpu_ns() - start) / 1e9);
    bytes = index.bytes();
    peer_ns.push_back(count_ns(index));
    read_ns.push_back(count_ns(node::PlaceIndex()));
  }
  std::printf(
      "%zu networks: index made in %.2f s, %.1f MB; counting takes %.0f ns a peer, %.0f with an empty "
      "index\n",
      networks, median(make_s), static_cast<double>(bytes) / 1e6, median(peer_ns), median(read_ns));
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  size_t entries = 10'000'000;
  size_t rounds = 3;
  size_t networks = 0;
  size_t places = 0;
  for (int i = 1; i + 1 < argc; i += 2) {
    if (std::strcmp(argv[i], "--entries") == 0) entries = std::strtoul(argv[i + 1], nullptr, 10);
    if (std::strcmp(argv[i], "--rounds") == 0) rounds = std::strtoul(argv[i + 1], nullptr, 10);
    if (std::strcmp(argv[i], "--networks") == 0) networks = std::strtoul(argv[i + 1], nullptr, 10);
    if (std::strcmp(argv[i], "--places") == 0) places = std::strtoul(argv[i + 1], nullptr, 10);
  }
  if (networks > 0) return measure_networks(networks, rounds);
  if (places > 0) return measure_places(places, rounds);
  const std::string path = write_list(entries);
  std::vector<double> read_s;
  std::vector<double> hit_ns;
  std::vector<double> miss_ns;
  double bytes = 0;
  for (size_t round = 0; round < std::max<size_t>(rounds, 1); ++round) {
    const uint64_t start = bench::thread_cpu_ns();
    const auto list = node::load_access_file(path);
    read_s.push_back(static_cast<double>(bench::thread_cpu_ns() - start) / 1e9);
    if (!list || list->size() != entries) {
      std::fprintf(stderr, "access_bench: %s\n", list ? "duplicates" : list.error().message.c_str());
      std::remove(path.c_str());
      return 1;
    }
    bytes = static_cast<double>(list->bytes()) / static_cast<double>(entries);
    hit_ns.push_back(lookup_ns(*list, kListedSeed, true));
    miss_ns.push_back(lookup_ns(*list, kOtherSeed, false));
  }
  std::remove(path.c_str());
  std::printf("%zu entries: read in %.2f s, %.2f bytes each, lookup %.0f ns listed, %.0f ns not listed\n",
              entries, median(read_s), bytes, median(hit_ns), median(miss_ns));
  return 0;
}
