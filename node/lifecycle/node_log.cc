#include "node/lifecycle/node_log.h"

#include <unistd.h>
#include <uv.h>

#include <atomic>
#include <cstdlib>
#include <exception>
#include <initializer_list>
#include <new>
#include <string>
#include <string_view>
#include <system_error>

#include "common/log.h"
#include "node/net/line_writer.h"

namespace shoal::node {

namespace {

std::string missing_note(uint64_t lines) {
  const common::LogField fields[] = {{"lines", std::to_string(lines)}};
  return common::log_line_now(common::LogLevel::warn, "log lines were not written: nobody took them",
                              fields) +
         "\n";
}

// Never goes: a thread may log while the process ends. Null: not started.
std::atomic<LineWriter*> writer = nullptr;

// Allocates nothing: there may be no memory left.
void last_words(std::initializer_list<std::string_view> words) {
  for (const std::string_view text : words) {
    if (writer != nullptr) {
      writer.load()->write(text);
    } else {
      (void)!::write(STDERR_FILENO, text.data(), text.size());
    }
  }
}

[[noreturn]] void end_out_of_memory() {
  last_words({"shoal: out of memory: lower limits.swarms and limits.peers, or give it more\n"});
  std::_Exit(1);
}

// For libuv, which aborts without a word where its table of descriptors cannot grow.
void* realloc_or_end(void* old, size_t size) {
  void* const grown = std::realloc(old, size);
  if (grown == nullptr && size != 0) end_out_of_memory();
  return grown;
}

// Of an exception that nobody caught.
[[noreturn]] void end_uncaught() {
  try {
    if (const auto exception = std::current_exception()) std::rethrow_exception(exception);
  } catch (const std::bad_alloc&) {
    end_out_of_memory();
  } catch (const std::system_error& error) {
    last_words({"shoal: the system refused what the node cannot go on without: ", error.what(), "\n"});
    std::_Exit(1);
  } catch (const std::exception& error) {
    last_words({"shoal: bug in shoal: ", error.what(), "\n"});
  } catch (...) {
    last_words({"shoal: bug in shoal\n"});
  }
  std::abort();
}

}  // namespace

void handle_uncaught() {
  std::set_terminate(end_uncaught);
  (void)uv_replace_allocator(std::malloc, realloc_or_end, std::calloc, std::free);
}

void start_node_log() {
  static LineWriter& instance = *new LineWriter(STDERR_FILENO, missing_note);
  writer = &instance;
  common::set_log_output([](std::string_view line) { writer.load()->write(line); });
}

void resume_node_log() { writer.load()->resume(); }

uint64_t node_log_dropped() { return writer == nullptr ? 0 : writer.load()->dropped(); }

}  // namespace shoal::node
