// StreamedAnswer: an HTTP response that takes too much time or memory to be made at once in a server's loop.
// The server has it made piece by piece in another thread, the next one when the client has taken the last.

#pragma once

#include <functional>
#include <string>

#include "proto/http_answer.h"
#include "proto/http_request.h"

namespace shoal::node {

class StreamedAnswer {
 public:
  virtual ~StreamedAnswer() = default;

  // Calls `go` when next() may be called, at once or later; not after the object is gone. On the loop's
  // thread, before each piece.
  virtual void await(const std::function<void()>& go) { go(); }

  // Appends the next bytes of the response, head and all; false: they were the last. Called from any thread,
  // never twice at once, never by the thread of the loop. Touches nothing that is not safe on any thread.
  virtual bool next(std::string& out) = 0;

  // After next() has returned false: the response lacks its end, so the connection is closed. By the loop's
  // thread.
  virtual bool cut() const { return false; }
};

// What shapes a long answer. To HTTP/1.0 it may have no other end than that of the connection, so there that
// is always closed; the server does so as well.
inline proto::HttpReply reply_to_long(const proto::HttpRequest& request) {
  proto::HttpReply reply = proto::reply_to(request);
  reply.keep_alive = reply.keep_alive && request.version_minor >= 1;
  return reply;
}

}  // namespace shoal::node
