// What a path on the tracker's HTTP port asks for. Trackers are found under many paths: /announce.php,
// /announce/KEY, /KEY/announce, /a. Pure; any thread.

#pragma once

#include <cstdint>
#include <string_view>

namespace shoal::proto {

enum class TrackerVerb : uint8_t { none, announce, scrape };

// By the path's last segment, or by its first if the last one says nothing; empty segments do not count. A
// segment says "announce" if it begins with that or is "a", and "scrape" if it begins with that or is "s" or
// "sc". The last one comes first because that is the one a client replaces to make the scrape URL (BEP 48).
// Case counts, and nothing is percent-decoded.
TrackerVerb verb_of_path(std::string_view path);

}  // namespace shoal::proto
