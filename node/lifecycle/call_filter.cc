#include "node/lifecycle/call_filter.h"

#include <linux/audit.h>
#include <linux/bpf.h>
#include <linux/netlink.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <initializer_list>

namespace shoal::node {

// 32-bit processors have other calls (mmap2, fstat64, those with 64 bits of time): no filter there.
#if defined(__x86_64__) || defined(__aarch64__)

namespace {

#if defined(__x86_64__)
constexpr uint32_t kArchitecture = AUDIT_ARCH_X86_64;
#else
constexpr uint32_t kArchitecture = AUDIT_ARCH_AARCH64;
#endif

// Calls from here on came with Linux 5.1 and later, and have the same numbers everywhere.
constexpr uint32_t kNewCalls = 424;

// Bit 30 marks the calls of x32, a second table of x86-64.
constexpr uint32_t kOtherTable = 0x40000000;

// The frequent ones first: old kernels go through the list for every call.
constexpr long kAllowed[] = {
    SYS_recvmmsg,
    SYS_sendmmsg,
    SYS_epoll_pwait,
    SYS_read,
    SYS_write,
    SYS_futex,
    SYS_recvmsg,
    SYS_sendmsg,
    SYS_writev,
    SYS_readv,
    SYS_recvfrom,
    SYS_sendto,
    SYS_accept4,
    SYS_close,
    SYS_epoll_ctl,
    SYS_setsockopt,
    SYS_getsockopt,
    SYS_madvise,
    SYS_brk,
    SYS_mmap,
    SYS_munmap,
    SYS_mprotect,
    SYS_mremap,
    SYS_clock_gettime,
    // files
    SYS_openat,
    SYS_fstat,
    SYS_newfstatat,
    SYS_statx,
    SYS_statfs,
    SYS_fstatfs,
    SYS_faccessat,
    SYS_faccessat2,
    SYS_readlinkat,
    SYS_getdents64,
    SYS_getcwd,
    SYS_lseek,
    SYS_pread64,
    SYS_pwrite64,
    SYS_preadv,
    SYS_pwritev,
    SYS_renameat,
    SYS_renameat2,
    SYS_unlinkat,
    SYS_fsync,
    SYS_fdatasync,
    SYS_ftruncate,
    SYS_fallocate,
    SYS_fadvise64,
    SYS_sync_file_range,
    SYS_fchmod,
    SYS_umask,
    SYS_flock,
    SYS_fcntl,
    SYS_dup,
    SYS_dup3,
    SYS_pipe2,
    SYS_close_range,
    // events and sockets
    SYS_epoll_create1,
    SYS_epoll_pwait2,
    SYS_eventfd2,
    SYS_timerfd_create,
    SYS_timerfd_settime,
    SYS_timerfd_gettime,
    SYS_ppoll,
    SYS_pselect6,
    SYS_bind,
    SYS_listen,
    SYS_accept,
    SYS_connect,
    SYS_getsockname,
    SYS_getpeername,
    SYS_shutdown,
    SYS_socketpair,
    // threads, signals, time, memory
    SYS_exit,
    SYS_exit_group,
    SYS_gettid,
    SYS_getpid,
    SYS_getppid,
    SYS_getuid,
    SYS_geteuid,
    SYS_getgid,
    SYS_getegid,
    SYS_getresuid,
    SYS_getresgid,
    SYS_getgroups,
    SYS_set_tid_address,
    SYS_set_robust_list,
    SYS_get_robust_list,
    SYS_rseq,
    SYS_membarrier,
    SYS_sched_yield,
    SYS_sched_getaffinity,
    SYS_sched_setaffinity,
    SYS_sched_getparam,
    SYS_sched_getscheduler,
    SYS_setpriority,
    SYS_getpriority,
    SYS_prctl,
    SYS_getcpu,
    SYS_rt_sigaction,
    SYS_rt_sigprocmask,
    SYS_rt_sigreturn,
    SYS_rt_sigpending,
    SYS_rt_sigtimedwait,
    SYS_rt_sigsuspend,
    SYS_sigaltstack,
    SYS_tgkill,
    SYS_restart_syscall,
    SYS_clock_getres,
    SYS_clock_nanosleep,
    SYS_nanosleep,
    SYS_gettimeofday,
    SYS_times,
    SYS_getrusage,
    SYS_sysinfo,
    SYS_uname,
    SYS_getrandom,
    SYS_mincore,
    SYS_msync,
#if defined(__x86_64__)
    // what x86-64 has kept of the time before those with "at"
    SYS_epoll_wait,
    SYS_open,
    SYS_stat,
    SYS_lstat,
    SYS_access,
    SYS_readlink,
    SYS_rename,
    SYS_unlink,
    SYS_poll,
    SYS_select,
    SYS_pipe,
    SYS_dup2,
    SYS_time,
    SYS_getrlimit,
    SYS_eventfd,
    SYS_epoll_create,
#endif
};

sock_filter statement(uint16_t code, uint32_t value) { return BPF_STMT(code, value); }
sock_filter jump(uint16_t test, uint32_t value, uint8_t if_true, uint8_t if_false) {
  return BPF_JUMP(static_cast<uint16_t>(BPF_JMP | test | BPF_K), value, if_true, if_false);
}
sock_filter answer(uint32_t what) { return statement(BPF_RET | BPF_K, what); }
sock_filter refuse(uint32_t error) { return answer(SECCOMP_RET_ERRNO | error); }
sock_filter load(size_t offset) { return statement(BPF_LD | BPF_W | BPF_ABS, static_cast<uint32_t>(offset)); }

// The low half of an argument: both processors store it first.
constexpr size_t argument(size_t number) { return offsetof(seccomp_data, args) + 8 * number; }

using Rules = std::vector<sock_filter>;

void append(Rules& rules, std::initializer_list<sock_filter> more) {
  rules.insert(rules.end(), more.begin(), more.end());
}

// For one call, what `with_argument` says; it ends with an answer in any case.
void rule(Rules& rules, long call, std::initializer_list<sock_filter> with_argument) {
  rules.push_back(jump(BPF_JEQ, static_cast<uint32_t>(call), 0, static_cast<uint8_t>(with_argument.size())));
  append(rules, with_argument);
}

}  // namespace

std::vector<sock_filter> call_filter(bool shield) {
  Rules rules;
  append(rules, {load(offsetof(seccomp_data, arch)), jump(BPF_JEQ, kArchitecture, 1, 0), refuse(EPERM),
                 load(offsetof(seccomp_data, nr)), jump(BPF_JGE, kOtherTable, 0, 1), refuse(EPERM)});
  for (const long call : kAllowed) rule(rules, call, {answer(SECCOMP_RET_ALLOW)});
  // A thread, but no process.
  rule(rules, SYS_clone,
       {load(argument(0)), jump(BPF_JSET, CLONE_THREAD, 0, 1), answer(SECCOMP_RET_ALLOW), refuse(EPERM)});
  // Its limits, but not those of others.
  rule(rules, SYS_prlimit64,
       {load(argument(0)), jump(BPF_JEQ, 0, 0, 1), answer(SECCOMP_RET_ALLOW), refuse(EPERM)});
  // Not to type into the terminal that it was started from.
  rule(rules, SYS_ioctl,
       {load(argument(1)), jump(BPF_JEQ, TIOCSTI, 1, 0), answer(SECCOMP_RET_ALLOW), refuse(EPERM)});
  // Of the Internet, of this machine, and to ask the kernel for its addresses.
  rule(rules, SYS_socket,
       {load(argument(0)), jump(BPF_JEQ, AF_INET, 5, 0), jump(BPF_JEQ, AF_INET6, 4, 0),
        jump(BPF_JEQ, AF_UNIX, 3, 0), jump(BPF_JEQ, AF_NETLINK, 0, 3), load(argument(2)),
        jump(BPF_JEQ, NETLINK_ROUTE, 0, 1), answer(SECCOMP_RET_ALLOW), refuse(EPERM)});
  if (shield) {
    rule(rules, SYS_bpf,
         {load(argument(0)), jump(BPF_JEQ, BPF_MAP_LOOKUP_ELEM, 3, 0),
          jump(BPF_JEQ, BPF_MAP_UPDATE_ELEM, 2, 0), jump(BPF_JEQ, BPF_MAP_DELETE_ELEM, 1, 0),
          jump(BPF_JEQ, BPF_OBJ_GET_INFO_BY_FD, 0, 1), answer(SECCOMP_RET_ALLOW), refuse(EPERM)});
  }
  append(rules, {jump(BPF_JGE, kNewCalls, 0, 1), refuse(ENOSYS), refuse(EPERM)});
  return rules;
}

#else

std::vector<sock_filter> call_filter(bool) { return {}; }

#endif

}  // namespace shoal::node
