#include "node/net/datagrams.h"

#include <cerrno>

namespace shoal::node {

namespace {

// What system call filters and security modules say.
bool is_refused(int error) { return error == EPERM || error == EACCES || error == ENOSYS; }

bool is_nothing_there(int error) { return error == EAGAIN || error == EINTR; }

}  // namespace

int Datagrams::receive(int fd, std::span<mmsghdr> messages) {
  if (one_by_one_in_) return receive_one_by_one(fd, messages);
  const int count =
      recvmmsg(fd, messages.data(), static_cast<unsigned>(messages.size()), MSG_DONTWAIT, nullptr);
  const int error = count < 0 ? errno : 0;
  if (count >= 0 || is_nothing_there(error)) {
    errors_.receive.set(0);
    return count < 0 ? 0 : count;
  }
  if (!is_refused(error)) {
    errors_.receive.set(error);
    return -1;
  }
  const int received = receive_one_by_one(fd, messages);
  if (received < 0) return received;
  one_by_one_in_ = true;
  errors_.receive_batch.set(error);
  return received;
}

int Datagrams::receive_one_by_one(int fd, std::span<mmsghdr> messages) {
  int count = 0;
  for (mmsghdr& message : messages) {
    const ssize_t size = recvmsg(fd, &message.msg_hdr, MSG_DONTWAIT);
    if (size < 0) {
      if (count > 0 || is_nothing_there(errno)) break;
      errors_.receive.set(errno);
      return -1;
    }
    message.msg_len = static_cast<unsigned>(size);
    ++count;
  }
  errors_.receive.set(0);
  return count;
}

int Datagrams::send(int fd, std::span<mmsghdr> messages) {
  int batch_error = 0;
  if (!one_by_one_out_) {
    const int sent = sendmmsg(fd, messages.data(), static_cast<unsigned>(messages.size()), MSG_DONTWAIT);
    if (sent > 0 && !batch_sent_) {
      batch_sent_ = true;
      errors_.send.set(0);
    }
    if (sent > 0 || batch_sent_ || !is_refused(errno)) return sent;
    batch_error = errno;
  }
  if (sendmsg(fd, &messages.front().msg_hdr, MSG_DONTWAIT) < 0) {
    if (!one_by_one_out_) errors_.send.set(errno);
    return -1;
  }
  if (!one_by_one_out_) {
    one_by_one_out_ = true;
    errors_.send_batch.set(batch_error);
    errors_.send.set(0);
  }
  return 1;
}

}  // namespace shoal::node
