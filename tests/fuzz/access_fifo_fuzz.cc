// What scripts write into the FIFO of the access list, however it is cut into writes: the hashes come in the
// order in which they were written, those of whole lines only, and as many lines are bad as a reader of the
// whole text finds. What is kept of an endless line is bounded.
//
// The first byte says how it is cut.

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "common/check.h"
#include "common/prng.h"
#include "node/access/access_fifo.h"
#include "tests/fuzz/heap.h"

using namespace shoal;
using namespace shoal::node;

namespace {

constexpr size_t kTextMax = 32 << 10;

struct Heard {
  std::vector<common::InfoHash> hashes;
  size_t bad_lines = 0;
  bool operator==(const Heard&) const = default;
};

// Line by line, as a person would. A longer line is cut there.
Heard heard_of(std::string_view text) {
  Heard heard;
  for (size_t end = 0; (end = text.find('\n')) != std::string_view::npos; text.remove_prefix(end + 1)) {
    common::InfoHash hash;
    const AccessLine kind = read_access_line(text.substr(0, std::min(end, LineSplitter::kLineMax + 1)), hash);
    if (kind == AccessLine::hash) heard.hashes.push_back(hash);
    if (kind == AccessLine::bad) ++heard.bad_lines;
  }
  return heard;
}

uv_loop_t* loop() {
  static uv_loop_t made;
  static const int begun = uv_loop_init(&made);
  CHECK_INVARIANT(begun == 0);
  return &made;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 1) return 0;
  std::string_view text(reinterpret_cast<const char*>(data) + 1, std::min(size - 1, kTextMax));
  const Heard expected = heard_of(text);
  std::array<int, 2> ends{};
  CHECK_INVARIANT(pipe2(ends.data(), O_NONBLOCK | O_CLOEXEC) == 0);
  const FileDescriptor writer(ends[1]);
  Heard heard;
  AccessFifo fifo(loop(), FileDescriptor(ends[0]),
                  [&](std::vector<common::InfoHash> hashes, size_t bad_lines) {
                    CHECK_INVARIANT(!hashes.empty() || bad_lines > 0);
                    heard.hashes.insert(heard.hashes.end(), hashes.begin(), hashes.end());
                    heard.bad_lines += bad_lines;
                  });
  common::Prng prng(data[0]);
  const auto largest = static_cast<uint32_t>(2 + (text.size() >> (data[0] % 8)));
  // The hashes that it holds in a turn, besides.
  const size_t memory_max = fuzz::allocated_bytes() + 2 * kTextMax + 64 * LineSplitter::kLineMax;
  while (!text.empty()) {
    const size_t piece = std::min<size_t>(1 + prng.below(largest), text.size());
    CHECK_INVARIANT(write(writer.get(), text.data(), piece) == static_cast<ssize_t>(piece));
    text.remove_prefix(piece);
    // Sometimes two writes are read at once.
    if (data[0] >= 128 && prng.below(2) == 0) continue;
    uv_run(loop(), UV_RUN_NOWAIT);
    CHECK_INVARIANT(fuzz::allocated_bytes() <= memory_max);
  }
  uv_run(loop(), UV_RUN_NOWAIT);
  fifo.close();
  uv_run(loop(), UV_RUN_NOWAIT);
  CHECK_INVARIANT(heard == expected);
  return 0;
}
