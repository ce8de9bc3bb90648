// Work beside that of the servers.

#pragma once

namespace shoal::node {

// Makes this thread yield to those that serve. It stays so. One of libuv's pool may: the pool's other work is
// to look up names, which waits for a server and not for the CPU.
void lower_thread_priority();

}  // namespace shoal::node
