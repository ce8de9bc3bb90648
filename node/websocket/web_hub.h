// WebHub: carries messages between web peers' connections: from any worker of this node to the worker that
// holds the other connection, and to and from other nodes by way of the control thread. It does not look into
// a message but for where it goes (proto/web_relay.h), keeps no order between senders, and forgets what it
// has no room for, counted: whoever waits for an offer or its answer asks again.
//
// Any thread, one mutex an inbox. Outlives the workers.

#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "common/bytes.h"
#include "common/counter.h"
#include "common/web_address.h"
#include "node/os/mutex.h"

namespace shoal::node {

// A message for a connection of this node: see proto/web_relay.h.
struct WebMessage {
  uint64_t from_run = 0;  // of the node that the sender is connected to
  std::vector<uint8_t> bytes;
};

// A message for a connection of another node.
struct OutgoingWebMessage {
  uint64_t to_run = 0;
  std::vector<uint8_t> bytes;
};

// Messages on their way to one thread, oldest first, bounded. Any thread puts, one takes.
template <class Message>
class WebInbox {
 public:
  static constexpr size_t kBytesMax = 4 << 20;

  // `wake` is called by the thread that puts in the first message after take() has emptied it. Until it is
  // set, and once it is null, nothing is taken in.
  void set_wake(std::function<void()> wake) {
    const Lock lock(mutex_);
    wake_ = std::move(wake);
    if (wake_ == nullptr) {
      messages_.clear();
      bytes_ = 0;
    }
  }

  // False: no room, or nobody takes.
  bool put(Message message) {
    const Lock lock(mutex_);
    const size_t size = message.bytes.size() + kOverhead;
    if (wake_ == nullptr || bytes_ + size > kBytesMax) return false;
    bytes_ += size;
    messages_.push_back(std::move(message));
    if (messages_.size() == 1) wake_();
    return true;
  }

  // Moves all messages to `out`, which is empty.
  void take(std::vector<Message>& out) {
    const Lock lock(mutex_);
    out.swap(messages_);
    bytes_ = 0;
  }

 private:
  static constexpr size_t kOverhead = 64;  // a message itself, and its block of the heap

  Mutex mutex_;
  std::function<void()> wake_ GUARDED_BY(mutex_);
  std::vector<Message> messages_ GUARDED_BY(mutex_);
  size_t bytes_ GUARDED_BY(mutex_) = 0;
};

// Any thread counts: not common::Counter, which has one writer.
struct WebHubCounters {
  std::atomic<uint64_t> dropped_local{0};     // for connections of this node: the inbox was full
  std::atomic<uint64_t> dropped_outgoing{0};  // for other nodes: the same, or there is no sync channel
  std::atomic<uint64_t> misdirected{0};       // from other nodes: no worker has such connections
};

class WebHub {
 public:
  // `run`: the incarnation of this run of the node, as sync knows it; a random one without a sync channel.
  WebHub(uint64_t run, size_t workers) : run_(run), inboxes_(workers) {}
  WebHub(const WebHub&) = delete;
  WebHub& operator=(const WebHub&) = delete;

  uint64_t run() const { return run_; }

  // The inbox of a worker; the worker sets its wake-up while it runs.
  WebInbox<WebMessage>& inbox(size_t worker) { return inboxes_[worker]; }

  // Sends a message to the connection that it names, here or on the node of that run. Workers.
  void send(uint64_t to_run, std::vector<uint8_t> bytes);

  // What came from the node of that run for a connection of ours. Control thread.
  void deliver(uint64_t from_run, std::vector<uint8_t> bytes);

  // What is for other nodes; wake-up as for an inbox, set only with a sync channel. Control thread.
  void on_outgoing(std::function<void()> wake) { outgoing_.set_wake(std::move(wake)); }
  void take_outgoing(std::vector<OutgoingWebMessage>& out) { outgoing_.take(out); }

  const WebHubCounters& counters() const { return counters_; }

 private:
  void put_in(WebMessage message);

  const uint64_t run_;
  std::vector<WebInbox<WebMessage>> inboxes_;
  WebInbox<OutgoingWebMessage> outgoing_;
  WebHubCounters counters_;
};

}  // namespace shoal::node
