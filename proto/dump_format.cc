#include "proto/dump_format.h"

#include <array>
#include <charconv>

#include "common/hex.h"

namespace shoal::proto {

namespace {

template <class Number>
void append_number(std::string& out, Number number) {
  std::array<char, 24> digits;
  out.append(digits.data(), std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr);
}

void append_after(std::string& out, std::string_view before, uint32_t number) {
  out += before;
  append_number(out, number);
}

// Unreserved characters (RFC 3986) verbatim.
void append_escaped(std::string& out, const common::InfoHash& hash) {
  for (const uint8_t byte : hash.bytes) {
    const bool unreserved = (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
                            (byte >= '0' && byte <= '9') || byte == '-' || byte == '.' || byte == '_' ||
                            byte == '~';
    if (unreserved) {
      out += static_cast<char>(byte);
    } else {
      out += '%';
      out += common::to_hex(std::span(&byte, 1));
    }
  }
}

void append_u32(std::string& out, uint32_t number) {
  for (int shift = 24; shift >= 0; shift -= 8) out += static_cast<char>(number >> shift);
}

void append_bytes(std::string& out, const common::InfoHash& hash) {
  out.append(reinterpret_cast<const char*>(hash.bytes.data()), hash.bytes.size());
}

}  // namespace

std::optional<DumpFormat> dump_format_from(std::string_view name) {
  for (const auto& [known, format] : kDumpFormatNames) {
    if (name == known) return format;
  }
  return std::nullopt;
}

std::string_view content_type(DumpFormat format) {
  switch (format) {
    case DumpFormat::bencode:
    case DumpFormat::binary:
      return "application/octet-stream";
    case DumpFormat::json:
      return "application/x-ndjson";
    case DumpFormat::text:
    case DumpFormat::text_completed:
    case DumpFormat::url:
    case DumpFormat::state:
      break;
  }
  return "text/plain";
}

void append_upper_hex(std::string& out, const common::InfoHash& hash) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  for (const uint8_t byte : hash.bytes) {
    out += kDigits[byte >> 4];
    out += kDigits[byte & 15];
  }
}

void append_dump_head(std::string& out, DumpFormat format) {
  if (format == DumpFormat::bencode) out += "d5:filesd";
}

void append_dump_end(std::string& out, DumpFormat format) {
  if (format == DumpFormat::bencode) out += "ee";
}

void append_dump_swarm(std::string& out, DumpFormat format, const ScrapedSwarm& swarm, int64_t unix_minute) {
  const SwarmCounts& counts = swarm.counts;
  switch (format) {
    case DumpFormat::bencode:
      out += "20:";
      append_bytes(out, swarm.info_hash);
      append_after(out, "d8:completei", counts.seeders);
      append_after(out, "e10:downloadedi", counts.completed);
      append_after(out, "e10:incompletei", counts.leechers);
      out += "ee";
      return;
    case DumpFormat::binary:
      append_bytes(out, swarm.info_hash);
      append_u32(out, counts.seeders);
      append_u32(out, counts.leechers);
      return;
    case DumpFormat::json:
      out += "{\"info_hash\":\"";
      out += common::to_hex(swarm.info_hash);
      append_after(out, "\",\"seeders\":", counts.seeders);
      append_after(out, ",\"leechers\":", counts.leechers);
      append_after(out, ",\"completed\":", counts.completed);
      out += "}\n";
      return;
    case DumpFormat::state:
      append_upper_hex(out, swarm.info_hash);
      out += ':';
      append_number(out, unix_minute);
      append_after(out, ":", counts.completed);
      out += '\n';
      return;
    case DumpFormat::text:
    case DumpFormat::text_completed:
      append_upper_hex(out, swarm.info_hash);
      break;
    case DumpFormat::url:
      append_escaped(out, swarm.info_hash);
      break;
  }
  append_after(out, ":", counts.seeders);
  append_after(out, ":", counts.leechers);
  if (format == DumpFormat::text_completed) append_after(out, ":", counts.completed);
  out += '\n';
}

}  // namespace shoal::proto
