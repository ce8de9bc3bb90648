// What a node needs of the system to start, and how it ends when it does not get it: with one line that says
// what to change, and exit code 1. That is no bug of ours, and there is nothing to go on without.

#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <thread>

#include "common/result.h"

namespace shoal::node {

// What helps against an error of the system (EMFILE, EAGAIN, ...); empty: nothing known.
std::string advice(int error);

// "cannot WHAT: REASON: ADVICE".
std::string system_failure(const std::string& what, int error);

// Logs the message and ends the process at once with exit code 1.
[[noreturn]] void end_process(const std::string& message);

// Ends the process unless `result` is 0, as libuv's calls return it: otherwise a negative errno. `what`
// follows "cannot". For calls that fail by the surroundings only.
void require_system(int result, const char* what);

// A thread that runs `work`; ends the process if there can be none.
std::thread start_thread(std::function<void()> work);

// Whether the process may have this many threads more. It starts them all at once, and lets them end. `why`
// says in the error what they are for.
common::Result<void> check_threads(size_t threads, const std::string& why);

// Open files of this process, of those below `limit`.
size_t count_open_files(size_t limit);

// Raises the soft limit of open files to the hard limit. Returns the resulting limit.
size_t raise_open_files();

}  // namespace shoal::node
