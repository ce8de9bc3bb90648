// The log of a node: lines go to standard error without ever waiting for whoever reads it
// (node/net/line_writer.h). Any thread.

#pragma once

#include <cstdint>

namespace shoal::node {

// An exception that nobody catches is told of: where the system refused memory or something else, the process
// ends with exit code 1; where it is our bug it aborts. libuv's tables that cannot grow end it in the same
// way. Allocates nothing. Before any other call of libuv.
void handle_uncaught();

// From now on, for the rest of the process. Before privileges are dropped: what was opened for another user
// may then not be opened again.
void start_node_log();

// Writes a note about missing lines once there is room again.
void resume_node_log();

// Lines that nobody took, since start.
uint64_t node_log_dropped();

}  // namespace shoal::node
