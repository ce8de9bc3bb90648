#include "node/os/start_of_process.h"

#include <fcntl.h>
#include <unistd.h>

#include <csignal>
#include <initializer_list>

namespace shoal::node {

namespace {

void change_mask(int how) {
  sigset_t reloads;
  sigemptyset(&reloads);
  sigaddset(&reloads, SIGHUP);
  pthread_sigmask(how, &reloads, nullptr);
}

}  // namespace

void open_standard_descriptors() {
  for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    // open() takes the lowest free number, which is this one: those below are open by now.
    if (fcntl(fd, F_GETFD) < 0) (void)open("/dev/null", O_RDWR);
  }
}

void hold_signals() {
  hold_reloads();
  for (const int ignored : {SIGPIPE, SIGXFSZ, SIGTTOU}) std::signal(ignored, SIG_IGN);
  // Nothing is served and nothing written yet.
  for (const int ends : {SIGTERM, SIGINT}) std::signal(ends, [](int) { _exit(0); });
}

void release_reloads() { change_mask(SIG_UNBLOCK); }
void hold_reloads() { change_mask(SIG_BLOCK); }

}  // namespace shoal::node
