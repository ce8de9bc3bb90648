// Upgraded: what an HTTP connection becomes when its client asks for another protocol (RFC 9110, 7.8). The
// server goes on to read, seal, bound and time the connection, and knows nothing of what is said on it. The
// server's thread only.

#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "common/bytes.h"

namespace shoal::node {

// The server's end of an upgraded connection. Good for as long as the Upgraded is there.
class UpgradedLink {
 public:
  // Sends what the client did not ask for just now. False: it has not been taken, as too much waits for this
  // client already, or the connection is about to end. Not to be called by Upgraded's own methods, which have
  // `out`; may destroy the Upgraded.
  virtual bool send(std::string_view bytes) = 0;

 protected:
  ~UpgradedLink() = default;
};

class Upgraded {
 public:
  // When the connection is closed, by whomever, or all has been said on it.
  virtual ~Upgraded() = default;

  struct Took {
    size_t steps = 0;    // units of work, for the turn's budget
    bool whole = false;  // at least one message has been taken to its end
    bool over = false;   // to be closed once `out` is sent
  };
  // Takes what the client has sent, all of it, and appends what it is to be sent to `out`.
  virtual Took received(common::ByteSpan bytes, std::string& out) = 0;

  // Nothing has come for long: appends what makes a living client answer.
  virtual void ask(std::string& out) = 0;

  // The server ends the connection: appends the last words.
  virtual void leave(std::string& out) = 0;

  // Input that is kept until the rest of a message is there.
  virtual size_t kept_bytes() const = 0;
  // Work that its destructor will be, in steps of the turn's budget: at least 1.
  virtual size_t parting_steps() const = 0;
  // A message has begun and is not whole: the rest must come in time.
  virtual bool unfinished() const = 0;
};

// The answer to a request to upgrade.
struct Upgrade {
  bool answered = false;               // the answer has been appended; false: it is no such request
  std::unique_ptr<Upgraded> upgraded;  // null: refused
};

}  // namespace shoal::node
