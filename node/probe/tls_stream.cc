#include "node/probe/tls_stream.h"

#include <algorithm>
#include <array>
#include <utility>

namespace shoal::node {

using State = TlsSession::State;

TlsStream::TlsStream(ClientSocket& socket, TlsAsk& ask)
    : socket_(&socket), ask_(&ask), session_(ask.client->connect(ask.host, ask.ticket.get())) {}

common::Result<TlsStream> TlsStream::connect(ClientSocket& socket, TlsAsk& ask, Deadline deadline) {
  TlsStream stream(socket, ask);
  std::string out;
  stream.session_->receive({}, stream.plain_, out);
  if (auto sent = socket.send(common::bytes_of(out), deadline); !sent)
    return tl::make_unexpected(sent.error());
  while (stream.session_->state() == State::handshaking) {
    if (auto stepped = stream.step(deadline); !stepped) return tl::make_unexpected(stepped.error());
  }
  ask.resumed = stream.session_->resumed();
  ask.protocol = SSL_get_version(stream.session_->native());
  return stream;
}

common::Result<void> TlsStream::step(Deadline deadline) {
  std::array<uint8_t, 16384> buffer;
  const auto received = socket_->receive(buffer, deadline);
  if (!received) return tl::make_unexpected(received.error());
  if (*received == 0) return common::fail("TLS: the server closed the connection without a word");
  std::string out;
  session_->receive(common::ByteSpan(buffer).first(*received), plain_, out);
  if (!out.empty()) (void)socket_->send(common::bytes_of(out), deadline);
  if (session_->state() == State::failed) return common::fail("TLS: " + session_->error());
  if (auto ticket = ticket_of(*session_)) ask_->ticket = std::move(ticket);
  return {};
}

common::Result<void> TlsStream::send(common::ByteSpan bytes, Deadline deadline) {
  std::string out;
  if (!session_->send(bytes, out)) return common::fail("TLS: the connection has failed");
  return socket_->send(common::bytes_of(out), deadline);
}

common::Result<size_t> TlsStream::receive(std::span<uint8_t> out, Deadline deadline) {
  while (plain_.empty()) {
    if (session_->state() == State::closed) return 0;
    if (auto stepped = step(deadline); !stepped) return tl::make_unexpected(stepped.error());
  }
  const size_t size = std::min(out.size(), plain_.size());
  std::copy_n(plain_.begin(), size, out.begin());
  plain_.erase(0, size);
  return size;
}

}  // namespace shoal::node
