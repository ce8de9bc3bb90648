#include "node/net/listener.h"

#include <sys/socket.h>

#include <cerrno>
#include <utility>

#include "node/net/socket_address.h"
#include "node/os/surroundings.h"

namespace shoal::node {

namespace {

// Errors of the one connection that would have been accepted (accept(2)); the next one may be well.
bool is_of_connection(int error) {
  switch (error) {
    case EINTR:
    case ECONNABORTED:
    case EPROTO:
    case ENETDOWN:
    case ENOPROTOOPT:
    case EHOSTDOWN:
    case ENONET:
    case EHOSTUNREACH:
    case EOPNOTSUPP:
    case ENETUNREACH:
      return true;
    default:
      return false;
  }
}

}  // namespace

Listener::Listener(uv_loop_t* loop, FileDescriptor socket, Hooks hooks)
    : socket_(std::move(socket)), hooks_(std::move(hooks)), pause_(loop, [this] { watch(); }) {
  require_system(uv_poll_init(loop, &poll_, socket_.get()), "watch a socket");
  poll_.data = this;
  watch();
}

void Listener::stop() {
  uv_close(reinterpret_cast<uv_handle_t*>(&poll_), nullptr);
  pause_.close();
  socket_ = FileDescriptor();
}

void Listener::watch() {
  require_system(uv_poll_start(&poll_, UV_READABLE, &Listener::on_readable), "watch a socket");
}

void Listener::on_readable(uv_poll_t* handle, int /*status*/, int /*events*/) {
  static_cast<Listener*>(handle->data)->accept_some();
}

void Listener::accept_some() {
  for (size_t i = 0; i < kPerTurn; ++i) {
    sockaddr_storage peer{};
    socklen_t size = sizeof peer;
    FileDescriptor connection(
        accept4(socket_.get(), reinterpret_cast<sockaddr*>(&peer), &size, SOCK_NONBLOCK | SOCK_CLOEXEC));
    const int error = connection.is_open() ? 0 : errno;
    if (error == EAGAIN) return hooks_.tried(0);
    if (is_of_connection(error)) continue;
    hooks_.tried(error);
    if (error != 0) {
      uv_poll_stop(&poll_);
      return pause_.start(kPauseMs);
    }
    hooks_.accepted(std::move(connection), from_sockaddr(reinterpret_cast<sockaddr*>(&peer)));
  }
}

}  // namespace shoal::node
