// Log lines for operators, on standard error unless told otherwise: a fixed message and named fields.
//
//   log_line(LogLevel::info, "node started", {{"name", name}, {"workers", std::to_string(workers)}});
//
//   2026-11-22T15:59:41.123Z info node started name=a workers=2                          (text)
//   {"time":"2026-11-22T15:59:41.123Z","level":"info","message":"node started","name":"a","workers":"2"}
//   (json)
//
// Any thread. Never per packet, and no peer address above debug.

#pragma once

#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace shoal::common {

enum class LogLevel { debug, info, warn, error };
enum class LogFormat { text, json };

struct LogField {
  std::string_view key;
  std::string value;
};

// Default: info, text. Any thread, at any time.
void configure_log(LogLevel level, LogFormat format);

// Any thread, at any time.
void set_log_level(LogLevel level);

bool log_enabled(LogLevel level);
void log_line(LogLevel level, std::string_view message, std::span<const LogField> fields);
void log_line(LogLevel level, std::string_view message, std::initializer_list<LogField> fields = {});

// Where lines go: called with one whole line, its line feed included, on any thread. Until this is called
// they go to standard error, and the caller waits until it has taken them.
using LogOutput = void (*)(std::string_view line);
void set_log_output(LogOutput output);

// A line as it is, without its line feed.
void write_log_line(std::string line);

// What log_line() would write now, whatever the level.
std::string log_line_now(LogLevel level, std::string_view message, std::span<const LogField> fields);

// One line, without the line feed; control bytes and quotes in values are escaped.
std::string format_log_line(LogFormat format, std::string_view time, LogLevel level, std::string_view message,
                            std::span<const LogField> fields);

std::string_view to_string(LogLevel level);
std::optional<LogLevel> log_level_from(std::string_view text);

}  // namespace shoal::common
