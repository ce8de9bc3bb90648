// What is counted of TLS connections. The server's thread writes, any thread reads.

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "common/counter.h"

namespace shoal::node {

// Why a handshake did not come to its end.
enum class TlsFailure : uint8_t {
  not_tls,      // the first bytes are no ClientHello, or one that is too long
  version,      // no version, cipher or group in common
  protocol,     // ALPN without http/1.1
  certificate,  // the client does not accept ours
  malformed,    // anything else that is wrong in what the client sent
  cut,          // the client closed the connection, or sent another alert
  time,         // HttpLimits::handshake_ms
  room,         // closed for a newer one, or for memory: the limits of HttpLimits
  address,      // refused for its address: HttpLimits::handshakes_per_address, or what a proxy's header said
};
constexpr std::array<std::string_view, 9> kTlsFailureNames = {
    "not_tls", "version", "protocol", "certificate", "malformed", "cut", "time", "room", "address"};
constexpr size_t kTlsFailures = kTlsFailureNames.size();

enum class TlsProtocol : uint8_t { v1_2, v1_3 };
constexpr std::array<std::string_view, 2> kTlsProtocolNames = {"1.2", "1.3"};
constexpr size_t kTlsProtocols = kTlsProtocolNames.size();

struct TlsCounters {
  common::Counter full;     // handshakes with an operation of the private key
  common::Counter resumed;  // with a ticket
  std::array<common::Counter, kTlsFailures> failed;
  std::array<common::Counter, kTlsProtocols> opened;  // connections whose handshake has ended well
  std::array<common::Counter, kTlsProtocols> closed;  // of these
  common::Counter broken;     // of these, closed for what the client sent after its handshake
  common::Counter postponed;  // turns of a handshake that waited for the next turn of the loop
};

}  // namespace shoal::node
