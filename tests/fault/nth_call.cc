// A library to preload: the n-th call of one kind fails, once. NTH_CALL=KIND:N says which; without it nothing
// fails. At the end, or when it is told by SIGUSR2, it writes how often each kind was called to the file
// NTH_COUNTS. When the call fails it makes the file NTH_COUNTS.fired, or nobody could tell that it did. At
// abort() it writes who called it to NTH_COUNTS.abort.
//
// Calls that the C library makes itself are not seen, nor what a program asks the kernel by syscall(). An
// allocation counts once: what `new` takes is no malloc.

#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <limits.h>
#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <atomic>
#include <new>

namespace {

enum Kind {
  kSocket,
  kBind,
  kListen,
  kConnect,
  kAccept,
  kGetsockname,
  kSetsockopt,
  kRecvmmsg,
  kSendmmsg,
  kSendmsg,
  kRecvmsg,
  kRecv,
  kSend,
  kRead,
  kWrite,
  kWriteShort,
  kWritev,
  kOpen,
  kRename,
  kFsync,
  kMmap,
  kNew,
  kAlignedAlloc,
  kMalloc,
  kCalloc,
  kRealloc,
  kThread,
  kEpollCreate,
  kEpollCtl,
  kEpollWait,
  kPoll,
  kEventfd,
  kPipe,
  kGetaddrinfo,
  kGetrlimit,
  kKinds
};

struct Row {
  const char* name;
  int error;
};

constexpr Row kRows[kKinds] = {{"socket", EMFILE},        {"bind", EADDRNOTAVAIL},
                               {"listen", EADDRINUSE},    {"connect", ENETUNREACH},
                               {"accept", EMFILE},        {"getsockname", ENOBUFS},
                               {"setsockopt", ENOBUFS},   {"recvmmsg", ENOMEM},
                               {"sendmmsg", ENOBUFS},     {"sendmsg", ENOBUFS},
                               {"recvmsg", ENOMEM},       {"recv", ENOMEM},
                               {"send", ENOBUFS},         {"read", EIO},
                               {"write", ENOSPC},         {"write_short", 0},
                               {"writev", ECONNRESET},    {"open", ENFILE},
                               {"rename", EIO},           {"fsync", EIO},
                               {"mmap", ENOMEM},          {"new", ENOMEM},
                               {"aligned_alloc", ENOMEM}, {"malloc", ENOMEM},
                               {"calloc", ENOMEM},        {"realloc", ENOMEM},
                               {"thread", EAGAIN},        {"epoll_create", EMFILE},
                               {"epoll_ctl", ENOSPC},     {"epoll_wait", EINTR},
                               {"poll", ENOMEM},          {"eventfd", EMFILE},
                               {"pipe", EMFILE},          {"getaddrinfo", EAI_MEMORY},
                               {"getrlimit", EPERM}};

std::atomic<long> counts[kKinds];
int failing_kind = -1;
long failing_call = 0;

// A file beside NTH_COUNTS, or -1.
int open_beside(const char* ending, int flags) {
  const char* counts_path = getenv("NTH_COUNTS");
  char path[PATH_MAX];
  if (counts_path == nullptr ||
      size_t(snprintf(path, sizeof path, "%s%s", counts_path, ending)) >= sizeof path)
    return -1;
  return int(syscall(SYS_open, path, flags | O_WRONLY | O_CREAT | O_CLOEXEC, 0644));
}

void write_counts(int) {
  const int fd = open_beside("", O_TRUNC);
  if (fd < 0) return;
  char line[64];
  for (int kind = 0; kind < kKinds; ++kind) {
    const int size = snprintf(line, sizeof line, "%s %ld\n", kRows[kind].name, counts[kind].load());
    (void)!syscall(SYS_write, fd, line, size_t(size));
  }
  (void)!syscall(SYS_write, fd, "end\n", size_t{4});  // so a reader knows that it has all
  syscall(SYS_close, fd);
}

void write_backtrace(const char* ending) {
  failing_kind = -1;  // one fails, and none of those that are made here
  void* frames[64];
  const int size = backtrace(frames, 64);
  const int fd = open_beside(ending, O_TRUNC);
  if (fd < 0) return;
  backtrace_symbols_fd(frames, size, fd);
  syscall(SYS_close, fd);
}

// abort() goes on when this returns.
void on_abort(int) { write_backtrace(".abort"); }

__attribute__((constructor)) void begin() {
  if (const char* wanted = getenv("NTH_CALL")) {
    const char* colon = strchr(wanted, ':');
    for (int kind = 0; colon != nullptr && kind < kKinds; ++kind) {
      if (strlen(kRows[kind].name) == size_t(colon - wanted) &&
          strncmp(kRows[kind].name, wanted, size_t(colon - wanted)) == 0) {
        failing_call = atol(colon + 1);
        failing_kind = kind;
      }
    }
    if (failing_kind < 0) abort();
  }
  void* frame = nullptr;
  backtrace(&frame, 1);  // loads what it needs, which would be too late at abort()
  signal(SIGABRT, &on_abort);
  // What the loader and the libraries did before main does not count.
  for (auto& count : counts) count = 0;
  signal(SIGUSR2, &write_counts);
}

__attribute__((destructor)) void end() { write_counts(0); }

// Counts the call; true when it is the one that fails.
bool fails(Kind kind) {
  const long call = ++counts[kind];
  if (kind != failing_kind || call != failing_call) return false;
  write_backtrace(".fired");
  errno = kRows[kind].error;
  return true;
}

template <typename Function>
Function* real(Function*& kept, const char* name) {
  if (kept == nullptr) kept = reinterpret_cast<Function*>(dlsym(RTLD_NEXT, name));
  return kept;
}

}  // namespace

#define PASS(kind, failed, name, ...)                                                     \
  static decltype(&name) kept = nullptr;                                                  \
  if (fails(kind)) return failed;                                                         \
  if (kept == nullptr) kept = reinterpret_cast<decltype(&name)>(dlsym(RTLD_NEXT, #name)); \
  return kept(__VA_ARGS__)

extern "C" {

int socket(int a, int b, int c) noexcept { PASS(kSocket, -1, socket, a, b, c); }
int bind(int a, const sockaddr* b, socklen_t c) noexcept { PASS(kBind, -1, bind, a, b, c); }
int listen(int a, int b) noexcept { PASS(kListen, -1, listen, a, b); }
int connect(int a, const sockaddr* b, socklen_t c) { PASS(kConnect, -1, connect, a, b, c); }
int accept4(int a, sockaddr* b, socklen_t* c, int d) { PASS(kAccept, -1, accept4, a, b, c, d); }
int getsockname(int a, sockaddr* b, socklen_t* c) noexcept { PASS(kGetsockname, -1, getsockname, a, b, c); }
int setsockopt(int a, int b, int c, const void* d, socklen_t e) noexcept {
  PASS(kSetsockopt, -1, setsockopt, a, b, c, d, e);
}
int recvmmsg(int a, mmsghdr* b, unsigned c, int d, timespec* e) {
  PASS(kRecvmmsg, -1, recvmmsg, a, b, c, d, e);
}
int sendmmsg(int a, mmsghdr* b, unsigned c, int d) { PASS(kSendmmsg, -1, sendmmsg, a, b, c, d); }
ssize_t sendmsg(int a, const msghdr* b, int c) { PASS(kSendmsg, -1, sendmsg, a, b, c); }
ssize_t recvmsg(int a, msghdr* b, int c) { PASS(kRecvmsg, -1, recvmsg, a, b, c); }
ssize_t recv(int a, void* b, size_t c, int d) { PASS(kRecv, -1, recv, a, b, c, d); }
ssize_t send(int a, const void* b, size_t c, int d) { PASS(kSend, -1, send, a, b, c, d); }
ssize_t read(int a, void* b, size_t c) { PASS(kRead, -1, read, a, b, c); }
ssize_t pread(int a, void* b, size_t c, off_t d) { PASS(kRead, -1, pread, a, b, c, d); }
ssize_t writev(int a, const iovec* b, int c) { PASS(kWritev, -1, writev, a, b, c); }
int poll(pollfd* a, nfds_t b, int c) { PASS(kPoll, -1, poll, a, b, c); }

// A pipe takes up to PIPE_BUF bytes, and an eventfd its eight, as a whole or not at all.
static bool can_be_short(int fd, size_t size) {
  struct stat facts;
  if (size < 2 || fstat(fd, &facts) != 0) return false;
  return S_ISREG(facts.st_mode) || S_ISSOCK(facts.st_mode) || (S_ISFIFO(facts.st_mode) && size > PIPE_BUF);
}

ssize_t write(int fd, const void* data, size_t size) {
  static decltype(&write) kept = nullptr;
  if (fails(kWrite)) return -1;
  if (can_be_short(fd, size) && fails(kWriteShort)) size /= 2;
  return real(kept, "write")(fd, data, size);
}

int open(const char* path, int flags, ...) {
  static decltype(&open) kept = nullptr;
  va_list more;
  va_start(more, flags);
  const mode_t mode = (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(more, mode_t) : 0;
  va_end(more);
  if (fails(kOpen)) return -1;
  return real(kept, "open")(path, flags, mode);
}

int open64(const char* path, int flags, ...) {
  static decltype(&open64) kept = nullptr;
  va_list more;
  va_start(more, flags);
  const mode_t mode = (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(more, mode_t) : 0;
  va_end(more);
  if (fails(kOpen)) return -1;
  return real(kept, "open64")(path, flags, mode);
}

int openat(int folder, const char* path, int flags, ...) {
  static decltype(&openat) kept = nullptr;
  va_list more;
  va_start(more, flags);
  const mode_t mode = (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(more, mode_t) : 0;
  va_end(more);
  if (fails(kOpen)) return -1;
  return real(kept, "openat")(folder, path, flags, mode);
}

FILE* fopen(const char* a, const char* b) { PASS(kOpen, nullptr, fopen, a, b); }
int rename(const char* a, const char* b) noexcept { PASS(kRename, -1, rename, a, b); }
int fsync(int a) { PASS(kFsync, -1, fsync, a); }
void* mmap(void* a, size_t b, int c, int d, int e, off_t f) noexcept {
  PASS(kMmap, MAP_FAILED, mmap, a, b, c, d, e, f);
}
void* __libc_malloc(size_t) noexcept;
void* __libc_calloc(size_t, size_t) noexcept;
void* __libc_realloc(void*, size_t) noexcept;
void* malloc(size_t a) noexcept { return fails(kMalloc) ? nullptr : __libc_malloc(a); }
void* calloc(size_t a, size_t b) noexcept { return fails(kCalloc) ? nullptr : __libc_calloc(a, b); }
void* realloc(void* a, size_t b) noexcept { return fails(kRealloc) ? nullptr : __libc_realloc(a, b); }
void* aligned_alloc(size_t a, size_t b) noexcept { PASS(kAlignedAlloc, nullptr, aligned_alloc, a, b); }

int pthread_create(pthread_t* a, const pthread_attr_t* b, void* (*c)(void*), void* d) noexcept {
  PASS(kThread, EAGAIN, pthread_create, a, b, c, d);
}

int epoll_create1(int a) noexcept { PASS(kEpollCreate, -1, epoll_create1, a); }
int epoll_ctl(int a, int b, int c, epoll_event* d) noexcept { PASS(kEpollCtl, -1, epoll_ctl, a, b, c, d); }
int epoll_pwait(int a, epoll_event* b, int c, int d, const sigset_t* e) {
  PASS(kEpollWait, -1, epoll_pwait, a, b, c, d, e);
}
int epoll_wait(int a, epoll_event* b, int c, int d) { PASS(kEpollWait, -1, epoll_wait, a, b, c, d); }
int eventfd(unsigned a, int b) noexcept;
int eventfd(unsigned a, int b) noexcept { PASS(kEventfd, -1, eventfd, a, b); }
int pipe2(int a[2], int b) noexcept { PASS(kPipe, -1, pipe2, a, b); }
int getaddrinfo(const char* a, const char* b, const addrinfo* c, addrinfo** d) {
  PASS(kGetaddrinfo, EAI_MEMORY, getaddrinfo, a, b, c, d);
}
int getrlimit(__rlimit_resource_t a, rlimit* b) noexcept { PASS(kGetrlimit, -1, getrlimit, a, b); }

}  // extern "C"

// The C++ allocator: what std::bad_alloc does to the program.
void* operator new(size_t size) {
  void* found = fails(kNew) ? nullptr : __libc_malloc(size);
  if (found == nullptr) {
    if (auto* handler = std::get_new_handler()) handler();  // the program's last word, if it has one
    throw std::bad_alloc();
  }
  return found;
}
void operator delete(void* memory) noexcept { free(memory); }
void operator delete(void* memory, size_t) noexcept { free(memory); }
