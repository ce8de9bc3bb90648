#include "node/net/datagrams.h"

#include <doctest/doctest.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "node/os/file_descriptor.h"

using namespace shoal::node;

namespace {

// In this thread, from now on, the calls fail.
bool refuse(const std::vector<long>& calls, uint32_t error) {
  std::vector<sock_filter> code = {BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0)};
  for (const long call : calls) {
    code.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, static_cast<uint32_t>(call), 0, 1));
    code.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | error));
  }
  code.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
  const sock_fprog program{static_cast<unsigned short>(code.size()), code.data()};
  return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

struct Messages {
  std::array<mmsghdr, 8> headers{};
  std::array<iovec, 8> slices;
  std::array<std::array<char, 16>, 8> bytes{};

  Messages() {
    for (size_t i = 0; i < headers.size(); ++i) {
      slices[i] = {bytes[i].data(), bytes[i].size()};
      headers[i].msg_hdr.msg_iov = &slices[i];
      headers[i].msg_hdr.msg_iovlen = 1;
    }
  }
};

struct Pair {
  FileDescriptor left;
  FileDescriptor right;

  Pair() {
    std::array<int, 2> ends{};
    REQUIRE(socketpair(AF_UNIX, SOCK_DGRAM, 0, ends.data()) == 0);
    left = FileDescriptor(ends[0]);
    right = FileDescriptor(ends[1]);
  }
};

// Sends three datagrams and receives them, where the calls are refused. The numbers are what was returned.
struct Seen {
  bool refused = false;
  std::vector<int> sent;
  std::vector<int> received;
  std::vector<unsigned> sizes;
  std::array<int, 4> errors{};  // receive, send, receive_batch, send_batch
};

Seen exchange(const std::vector<long>& calls, uint32_t error) {
  const Pair pair;
  Seen seen;
  std::thread([&] {
    seen.refused = refuse(calls, error);
    if (!seen.refused) return;
    DatagramErrors errors;
    Datagrams datagrams(errors);
    Messages out;
    for (size_t i = 0; i < 3; ++i) out.slices[i].iov_len = i + 1;
    for (size_t done = 0; done < 3;) {
      seen.sent.push_back(datagrams.send(pair.left.get(), std::span(out.headers).subspan(done, 3 - done)));
      if (seen.sent.back() <= 0) break;
      done += static_cast<size_t>(seen.sent.back());
    }
    Messages in;
    seen.received.push_back(datagrams.receive(pair.right.get(), in.headers));
    for (int i = 0; i < seen.received[0]; ++i)
      seen.sizes.push_back(in.headers[static_cast<size_t>(i)].msg_len);
    seen.received.push_back(datagrams.receive(pair.right.get(), in.headers));
    seen.errors = {errors.receive.value(), errors.send.value(), errors.receive_batch.value(),
                   errors.send_batch.value()};
  }).join();
  return seen;
}

}  // namespace

TEST_CASE("datagrams: whole batches where they are allowed") {
  const Seen seen = exchange({}, EPERM);
  REQUIRE(seen.refused);
  CHECK(seen.sent == std::vector{3});
  CHECK(seen.received == std::vector{3, 0});
  CHECK(seen.sizes == std::vector<unsigned>{1, 2, 3});
  CHECK(seen.errors == std::array{0, 0, 0, 0});
}

TEST_CASE("datagrams: one by one where batches are refused") {
  for (const int error : {EPERM, EACCES, ENOSYS}) {
    const Seen seen = exchange({SYS_recvmmsg, SYS_sendmmsg}, static_cast<uint32_t>(error));
    REQUIRE(seen.refused);
    CHECK(seen.sent == std::vector{1, 1, 1});
    CHECK(seen.received == std::vector{3, 0});
    CHECK(seen.sizes == std::vector<unsigned>{1, 2, 3});
    CHECK(seen.errors == std::array{0, 0, error, error});
  }
}

TEST_CASE("datagrams: where nothing is allowed, it says so") {
  const Seen seen = exchange({SYS_recvmmsg, SYS_sendmmsg, SYS_recvmsg, SYS_sendmsg}, EPERM);
  REQUIRE(seen.refused);
  CHECK(seen.sent == std::vector{-1});
  CHECK(seen.received == std::vector{-1, -1});
  CHECK(seen.errors == std::array{EPERM, EPERM, 0, 0});
}
