// access_bench [--entries N] [--rounds R]: the access list: seconds to read its file, bytes of memory per
// entry, nanoseconds per lookup of a listed and of an unlisted hash. CPU time of this thread; medians.

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <string>
#include <vector>

#include "bench/measure.h"
#include "common/prng.h"
#include "node/access/access_list.h"

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

}  // namespace

int main(int argc, char** argv) {
  size_t entries = 10'000'000;
  size_t rounds = 3;
  for (int i = 1; i + 1 < argc; i += 2) {
    if (std::strcmp(argv[i], "--entries") == 0) entries = std::strtoul(argv[i + 1], nullptr, 10);
    if (std::strcmp(argv[i], "--rounds") == 0) rounds = std::strtoul(argv[i + 1], nullptr, 10);
  }
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
