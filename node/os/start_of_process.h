// The first things that a node does, before any that takes time and while it has one thread: signals that
// come early must not kill it, and its log must not end up in a file or socket that got the number of a
// closed descriptor.

#pragma once

namespace shoal::node {

// /dev/null in the place of standard input, output and error that are closed.
void open_standard_descriptors();

// Until release_reloads():
//   SIGHUP waits: it is blocked in this thread and those that it starts, and several count as one
//   SIGTERM, SIGINT end the process at once, with exit code 0, also if it is the first of a container
// And for good: writes to pipes and sockets that nobody reads, beyond a limit on file sizes (`ulimit -f`) or
// to the terminal from the background return errors, where the signals would kill or stop the process.
void hold_signals();

// The calling thread takes SIGHUP from now on, at once if one has come; hold_reloads() makes it wait again.
void release_reloads();
void hold_reloads();

}  // namespace shoal::node
