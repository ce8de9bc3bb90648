// The beginning of a TLS connection as the server sees it, before anything is allocated for it: whether the
// client's first record is there, and is a ClientHello of a sane size. OpenSSL would take the size from the
// client's word, up to 128 KiB, after nine bytes. Pure.

#pragma once

#include <cstddef>
#include <cstdint>

#include "common/bytes.h"

namespace shoal::node {

// A ClientHello, with the record's header. Browsers send up to 2 KiB, with a ticket of ours.
constexpr size_t kTlsHelloMax = 8 << 10;

enum class TlsHello : uint8_t { need_more, whole, bad };

// `bytes`: all that has come so far.
TlsHello scan_tls_hello(common::ByteSpan bytes);

// Whether the first byte is that of a ClientHello's record.
bool begins_as_tls(common::ByteSpan bytes);

}  // namespace shoal::node
