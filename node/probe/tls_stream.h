// TlsStream: TLS over a ClientSocket, for the commands. Blocks until a deadline. One thread.

#pragma once

#include <span>
#include <string>

#include "common/bytes.h"
#include "common/result.h"
#include "node/probe/client_socket.h"
#include "node/tls/tls_client.h"

namespace shoal::node {

// How to speak TLS to one server, and what came of it.
struct TlsAsk {
  const TlsClient* client = nullptr;
  std::string host;     // a name or an address that the certificate must have
  TlsTicketPtr ticket;  // to resume with; afterwards the server's newest; null: none
  // Afterwards:
  bool resumed = false;
  std::string protocol;  // "TLSv1.3"
};

class TlsStream {
 public:
  // Does the handshake. `socket` and `ask` outlive the stream.
  static common::Result<TlsStream> connect(ClientSocket& socket, TlsAsk& ask, Deadline deadline);

  common::Result<void> send(common::ByteSpan bytes, Deadline deadline);
  // 0: the server closed it in good order.
  common::Result<size_t> receive(std::span<uint8_t> out, Deadline deadline);

 private:
  TlsStream(ClientSocket& socket, TlsAsk& ask);
  common::Result<void> step(Deadline deadline);  // sends what is due, and takes what comes

  ClientSocket* socket_;
  TlsAsk* ask_;
  std::unique_ptr<TlsSession> session_;
  std::string plain_;  // received, not handed out yet
};

}  // namespace shoal::node
