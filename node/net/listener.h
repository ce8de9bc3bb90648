// Listener: accepts the connections of one listening socket, a limited number in each turn of the loop. What
// keeps accept() from working at all (no free descriptor, a system call filter) pauses it: libuv's own
// listener would try again at once, for as long as the error lasts. The loop's thread only.

#pragma once

#include <uv.h>

#include <cstddef>
#include <cstdint>
#include <functional>

#include "common/endpoint.h"
#include "node/net/timer.h"
#include "node/os/file_descriptor.h"

namespace shoal::node {

class Listener {
 public:
  // Connections accepted in one turn.
  static constexpr size_t kPerTurn = 16;
  // Until the next try, after an error that lasts.
  static constexpr uint64_t kPauseMs = 100;

  // `accepted`: a connection, non-blocking and close-on-exec, and the address it comes from. `tried`: after
  // each try, errno of an error that lasts, or 0. Neither may stop the listener.
  struct Hooks {
    std::function<void(FileDescriptor socket, const common::Endpoint& client)> accepted;
    std::function<void(int error)> tried = [](int) {};
  };

  // The socket listens already and is non-blocking. The listener must live until the loop has run the close
  // callbacks.
  Listener(uv_loop_t* loop, FileDescriptor socket, Hooks hooks);
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  // Closes the socket. Once.
  void stop();

 private:
  static void on_readable(uv_poll_t* handle, int status, int events);
  void watch();
  void accept_some();

  FileDescriptor socket_;
  const Hooks hooks_;
  uv_poll_t poll_;
  Timer pause_;
};

}  // namespace shoal::node
