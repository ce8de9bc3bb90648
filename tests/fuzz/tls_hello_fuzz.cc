// The first bytes of a TLS client, before anything is allocated for it: the verdict is the same however they
// come, is given as early as it can be and never taken back, and nothing beyond them is read.

#include <algorithm>
#include <cstdint>
#include <vector>

#include "common/check.h"
#include "common/prng.h"
#include "node/tls/tls_hello.h"

using namespace shoal;
using namespace shoal::node;

namespace {

constexpr size_t kRecordHead = 5;
constexpr size_t kMessageHead = 4;

// In memory of its own, so that a read beyond is seen.
TlsHello scan(common::ByteSpan bytes) {
  const std::vector<uint8_t> come(bytes.begin(), bytes.end());
  return scan_tls_hello(come);
}

// How much of it is needed for a verdict other than need_more, and that.
struct Verdict {
  size_t size = 0;
  TlsHello hello = TlsHello::need_more;
};

Verdict verdict_of(common::ByteSpan bytes) {
  for (size_t size = 0; size <= bytes.size(); ++size) {
    const TlsHello hello = scan_tls_hello(bytes.first(size));
    if (hello != TlsHello::need_more) return {size, hello};
  }
  return {bytes.size(), TlsHello::need_more};
}

size_t u24(common::ByteSpan bytes, size_t at) {
  return size_t{bytes[at]} << 16 | size_t{bytes[at + 1]} << 8 | bytes[at + 2];
}

// By what it says of itself, byte by byte: how the first byte that is wrong is found.
Verdict expected(common::ByteSpan bytes) {
  const auto wrong = [&](size_t at, bool is_wrong) { return bytes.size() > at && is_wrong; };
  if (wrong(0, !bytes.empty() && bytes[0] != 22)) return {1, TlsHello::bad};
  if (wrong(1, bytes.size() > 1 && bytes[1] != 3)) return {2, TlsHello::bad};
  if (bytes.size() < kRecordHead) return {bytes.size(), TlsHello::need_more};
  const size_t record = u24(bytes, 2) & 0xffff;
  if (record < kMessageHead || kRecordHead + record > kTlsHelloMax) return {kRecordHead, TlsHello::bad};
  if (bytes.size() > kRecordHead && bytes[kRecordHead] != 1) return {kRecordHead + 1, TlsHello::bad};
  const size_t heads = kRecordHead + kMessageHead;
  if (bytes.size() < heads) return {bytes.size(), TlsHello::need_more};
  if (heads + u24(bytes, 6) > kTlsHelloMax) return {heads, TlsHello::bad};
  if (bytes.size() < kRecordHead + record) return {bytes.size(), TlsHello::need_more};
  return {kRecordHead + record, TlsHello::whole};
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const common::ByteSpan bytes(data + 1, std::min<size_t>(size - 1, 2 * kTlsHelloMax));
  const Verdict verdict = verdict_of(bytes);
  const Verdict right = expected(bytes);
  CHECK_INVARIANT(verdict.hello == right.hello && verdict.size == right.size);
  CHECK_INVARIANT(verdict.size <= kTlsHelloMax);
  CHECK_INVARIANT(begins_as_tls(bytes) == (!bytes.empty() && bytes[0] == 22));
  // As it comes, in pieces: until then more is needed, from then on the verdict stays.
  common::Prng prng(data[0]);
  const auto largest = static_cast<uint32_t>(2 + bytes.size() / (1 + data[0] % 64));
  for (size_t come = 0; come < bytes.size();) {
    come += std::min<size_t>(1 + prng.below(largest), bytes.size() - come);
    const TlsHello hello = scan(bytes.first(come));
    CHECK_INVARIANT(hello == (come < verdict.size ? TlsHello::need_more : verdict.hello));
  }
  return 0;
}
