// Full scrapes: every swarm with its counts, in the formats of opentracker and as JSON lines. Each function
// appends; a dump is a head, any number of swarms, and an end. Any thread.

#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "proto/announce.h"

namespace shoal::proto {

enum class DumpFormat : uint8_t {
  bencode,         // "ben": the answer to a scrape of all (BEP 48); swarms must be sorted by info_hash
  text,            // "txt": HEX:seeders:leechers
  text_completed,  // "txtp": HEX:seeders:leechers:completed
  binary,          // "bin": info_hash, seeders and leechers as 4 bytes each, big-endian
  url,             // "url": as txt, the info_hash percent-encoded
  json,            // "json": {"info_hash":"hex","seeders":N,"leechers":N,"completed":N} a line
  state,           // HEX:minute:completed, as read by opentracker -l; `minute` is that of the dump
};

// The formats that can be asked for, by the names that the query parameter `format` and admin.export_format
// have for them.
inline constexpr std::array<std::pair<std::string_view, DumpFormat>, 6> kDumpFormatNames = {
    {{"ben", DumpFormat::bencode},
     {"txt", DumpFormat::text},
     {"txtp", DumpFormat::text_completed},
     {"bin", DumpFormat::binary},
     {"url", DumpFormat::url},
     {"json", DumpFormat::json}}};
std::optional<DumpFormat> dump_format_from(std::string_view name);

std::string_view content_type(DumpFormat format);

// As opentracker writes an info_hash.
void append_upper_hex(std::string& out, const common::InfoHash& hash);

void append_dump_head(std::string& out, DumpFormat format);
void append_dump_swarm(std::string& out, DumpFormat format, const ScrapedSwarm& swarm, int64_t unix_minute);
void append_dump_end(std::string& out, DumpFormat format);

}  // namespace shoal::proto
