// Lower priority for background work.

#pragma once

namespace shoal::node {

// Lowers the priority of the calling thread, for good, so that the serving threads go first. A thread of
// libuv's pool may call it: the pool's other work is name lookups, which wait for a server and not for the
// CPU.
void lower_thread_priority();

}  // namespace shoal::node
