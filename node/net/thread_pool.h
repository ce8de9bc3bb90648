// libuv's thread pool, which it makes at its first use, and aborts if it cannot: so it is made at start.

#pragma once

#include <cstddef>

namespace shoal::node {

// How many threads the pool has: 4, or as UV_THREADPOOL_SIZE says.
size_t thread_pool_size();

// Makes the pool's threads. What the calling thread may not do any more, they may not either.
void start_thread_pool();

}  // namespace shoal::node
