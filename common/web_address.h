// WebAddress: names a peer that has no IP address for others to connect to: a browser, known by its
// connection to a node. Pure; any thread.
//
// As an Endpoint it is of Family::web: the address is the run and the connection, both big-endian, and the
// port is always kWebPort, as 0 is no port of a peer.

#pragma once

#include <compare>
#include <cstdint>
#include <optional>

#include "common/bytes.h"
#include "common/endpoint.h"

namespace shoal::common {

constexpr uint16_t kWebPort = 1;

struct WebAddress {
  // The incarnation of the node that holds the connection: one for each run of a node, so the peers of a node
  // that starts again are nobody's.
  uint64_t run = 0;
  uint64_t connection = 0;  // of that run: see web_connection()

  auto operator<=>(const WebAddress&) const = default;
};

// The number of a connection: which worker holds it, and a number that this worker gives once.
constexpr int kWebWorkerShift = 48;

constexpr uint64_t web_connection(uint16_t worker, uint64_t number) {
  return uint64_t{worker} << kWebWorkerShift | (number & ((uint64_t{1} << kWebWorkerShift) - 1));
}

constexpr uint16_t worker_of(uint64_t connection) {
  return static_cast<uint16_t>(connection >> kWebWorkerShift);
}

inline Endpoint to_endpoint(const WebAddress& address) {
  Endpoint endpoint{Family::web, {}, kWebPort};
  ByteWriter out(endpoint.address);
  out.u64(address.run);
  out.u64(address.connection);
  return endpoint;
}

// None for another family, and for another port.
inline std::optional<WebAddress> from_endpoint(const Endpoint& endpoint) {
  if (endpoint.family != Family::web || endpoint.port != kWebPort) return std::nullopt;
  ByteReader in(endpoint.address);
  const uint64_t run = in.u64();
  return WebAddress{run, in.u64()};
}

}  // namespace shoal::common
