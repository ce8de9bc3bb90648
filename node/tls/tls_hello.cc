#include "node/tls/tls_hello.h"

#include <algorithm>
#include <array>

namespace shoal::node {

namespace {

constexpr size_t kRecordHead = 5;  // type, version, length
constexpr uint8_t kHandshake = 22;
constexpr uint8_t kMajorVersion = 3;
constexpr uint8_t kClientHello = 1;
constexpr size_t kMessageHead = 4;  // type, length
constexpr size_t kMessageMax = kTlsHelloMax - kRecordHead - kMessageHead;

}  // namespace

bool begins_as_tls(common::ByteSpan bytes) { return !bytes.empty() && bytes[0] == kHandshake; }

TlsHello scan_tls_hello(common::ByteSpan bytes) {
  // What stands where is checked as soon as it is there.
  if (!bytes.empty() && !begins_as_tls(bytes)) return TlsHello::bad;
  if (bytes.size() > 1 && bytes[1] != kMajorVersion) return TlsHello::bad;
  if (bytes.size() < kRecordHead) return TlsHello::need_more;
  const size_t record = size_t{bytes[3]} << 8 | bytes[4];
  if (record < kMessageHead || record > kTlsHelloMax - kRecordHead) return TlsHello::bad;
  if (bytes.size() > kRecordHead && bytes[kRecordHead] != kClientHello) return TlsHello::bad;
  if (bytes.size() < kRecordHead + kMessageHead) return TlsHello::need_more;
  const size_t message = size_t{bytes[6]} << 16 | size_t{bytes[7]} << 8 | bytes[8];
  if (message > kMessageMax) return TlsHello::bad;
  return bytes.size() >= kRecordHead + record ? TlsHello::whole : TlsHello::need_more;
}

}  // namespace shoal::node
