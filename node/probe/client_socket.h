// ClientSocket: a TCP or UDP socket connected to one server. Blocks until a deadline. Only for the commands;
// the servers use libuv. One thread.

#pragma once

#include <chrono>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "common/bytes.h"
#include "common/endpoint.h"
#include "common/result.h"
#include "node/net/addresses.h"
#include "node/os/file_descriptor.h"

namespace shoal::node {

using Deadline = std::chrono::steady_clock::time_point;
using std::chrono::milliseconds;

// Returns all addresses of a server, at least one, in the resolver's order.
common::Result<std::vector<common::Endpoint>> resolve(const HostPort& server, Transport transport);

class ClientSocket {
 public:
  static common::Result<ClientSocket> connect(const common::Endpoint& server, Transport transport,
                                              Deadline deadline);

  // Sends all bytes of a stream, or one datagram.
  common::Result<void> send(common::ByteSpan bytes, Deadline deadline);

  // Waits until the deadline for bytes of a stream (0: the server closed it) or one datagram. Fails with
  // kTimedOut if nothing arrives.
  common::Result<size_t> receive(std::span<uint8_t> out, Deadline deadline);

 private:
  explicit ClientSocket(FileDescriptor socket) : socket_(std::move(socket)) {}
  common::Result<void> wait(short events, Deadline deadline);

  FileDescriptor socket_;
};

// The message of an operation that reached its deadline.
extern const std::string kTimedOut;

}  // namespace shoal::node
