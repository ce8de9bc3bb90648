// Datagrams: recvmmsg and sendmmsg on one socket. Where these are refused (a system call filter), it falls
// back to recvmsg and sendmsg for good. One thread; what it says of errors any thread reads.

#pragma once

#include <sys/socket.h>

#include <cstdint>
#include <span>

#include "node/os/lasting_error.h"

namespace shoal::node {

struct DatagramErrors {
  LastingError receive;  // of calls that fail each time
  LastingError send;
  // Why datagrams are received, or sent, one by one; 0: they are not.
  LastingError receive_batch;
  LastingError send_batch;
};

class Datagrams {
 public:
  // Until receive() should be tried again after it has failed: the socket stays readable.
  static constexpr uint64_t kPauseMs = 100;

  // `errors` outlives the object.
  explicit Datagrams(DatagramErrors& errors) : errors_(errors) {}

  // Receives what is there; the number of datagrams, or -1: receiving does not work.
  int receive(int fd, std::span<mmsghdr> messages);

  // Sends the first ones; the number that the kernel took. If none, errno says why it did not take the first.
  // A firewall may refuse single ones, so only a call that has never worked is taken to be forbidden.
  int send(int fd, std::span<mmsghdr> messages);

 private:
  int receive_one_by_one(int fd, std::span<mmsghdr> messages);

  DatagramErrors& errors_;
  bool one_by_one_in_ = false;
  bool one_by_one_out_ = false;
  bool batch_sent_ = false;  // sendmmsg has worked
};

}  // namespace shoal::node
