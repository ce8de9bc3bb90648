#include "common/log.h"

#include <atomic>
#include <chrono>
#include <cstdio>
#include <ctime>

namespace shoal::common {

namespace {

std::atomic<LogFormat> current_format = LogFormat::text;
std::atomic<LogLevel> current_level = LogLevel::info;

void write_to_stderr(std::string_view line) { std::fwrite(line.data(), 1, line.size(), stderr); }

std::atomic<LogOutput> current_output = write_to_stderr;

std::string utc_now() {
  const auto now = std::chrono::system_clock::now();
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(now.time_since_epoch()).count();
  const std::time_t seconds = static_cast<std::time_t>(ms / 1000);
  std::tm tm{};
  gmtime_r(&seconds, &tm);
  char text[32];
  const size_t size = std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &tm);
  std::snprintf(text + size, sizeof text - size, ".%03dZ", static_cast<int>(ms % 1000));
  return text;
}

void append_escaped(std::string& out, std::string_view value) {
  for (const char c : value) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (byte < 0x20 || byte >= 0x7f) {
      char text[8];
      std::snprintf(text, sizeof text, "\\u%04x", byte);
      out += text;
    } else {
      out += c;
    }
  }
}

void append_quoted(std::string& out, std::string_view value) {
  out += '"';
  append_escaped(out, value);
  out += '"';
}

bool needs_quotes(std::string_view value) {
  if (value.empty()) return true;
  for (const char c : value) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte <= ' ' || byte >= 0x7f || c == '"' || c == '=' || c == '\\') return true;
  }
  return false;
}

}  // namespace

std::string_view to_string(LogLevel level) {
  switch (level) {
    case LogLevel::debug:
      return "debug";
    case LogLevel::info:
      return "info";
    case LogLevel::warn:
      return "warn";
    case LogLevel::error:
      return "error";
  }
  return "?";
}

std::optional<LogLevel> log_level_from(std::string_view text) {
  for (const LogLevel level : {LogLevel::debug, LogLevel::info, LogLevel::warn, LogLevel::error}) {
    if (text == to_string(level)) return level;
  }
  return std::nullopt;
}

std::string format_log_line(LogFormat format, std::string_view time, LogLevel level, std::string_view message,
                            std::span<const LogField> fields) {
  std::string line;
  if (format == LogFormat::json) {
    line += "{\"time\":";
    append_quoted(line, time);
    line += ",\"level\":";
    append_quoted(line, to_string(level));
    line += ",\"message\":";
    append_quoted(line, message);
    for (const LogField& field : fields) {
      line += ',';
      append_quoted(line, field.key);
      line += ':';
      append_quoted(line, field.value);
    }
    line += '}';
    return line;
  }
  line += time;
  line += ' ';
  line += to_string(level);
  line += ' ';
  append_escaped(line, message);
  for (const LogField& field : fields) {
    line += ' ';
    line += field.key;
    line += '=';
    if (needs_quotes(field.value)) {
      append_quoted(line, field.value);
    } else {
      line += field.value;
    }
  }
  return line;
}

void configure_log(LogLevel level, LogFormat format) {
  current_format = format;
  current_level = level;
}

void set_log_level(LogLevel level) { current_level = level; }

bool log_enabled(LogLevel level) { return level >= current_level.load(std::memory_order_relaxed); }

void log_line(LogLevel level, std::string_view message, std::initializer_list<LogField> fields) {
  log_line(level, message, std::span(fields.begin(), fields.size()));
}

void log_line(LogLevel level, std::string_view message, std::span<const LogField> fields) {
  if (log_enabled(level)) write_log_line(log_line_now(level, message, fields));
}

std::string log_line_now(LogLevel level, std::string_view message, std::span<const LogField> fields) {
  return format_log_line(current_format, utc_now(), level, message, fields);
}

void set_log_output(LogOutput output) { current_output = output; }

void write_log_line(std::string line) {
  line += '\n';
  current_output.load(std::memory_order_relaxed)(line);
}

}  // namespace shoal::common
