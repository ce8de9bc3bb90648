// The last good copy of a feed on disk: its bytes as they came, then one line about them:
//
//   shoal-feed-1 SOURCE FETCHED_UNIX_MS BYTES HASH ETAG MODIFIED
//
// SOURCE is a hash of kind and place, which may hold a password; HASH is of the bytes (BLAKE2b). ETAG and
// MODIFIED are hexadecimal, or "-". Any thread; blocks.

#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "common/result.h"
#include "node/config/options.h"
#include "node/feeds/feed_reader.h"
#include "node/feeds/feed_state.h"
#include "node/os/atomic_file.h"

namespace shoal::node {

// "FOLDER/NAME.feed".
std::string feed_copy_path(const std::string& folder, const std::string& name);

// What the last line says.
struct FeedCopyNote {
  std::string source;
  int64_t fetched_unix_ms = 0;
  uint64_t bytes = 0;
  std::string hash;
  FeedVersion version;
};

// Longer ones of servers are not kept.
constexpr size_t kFeedVersionBytesMax = 256;

std::string format_feed_note(const FeedCopyNote& note);
// The last line of a copy, without its line feed.
common::Result<FeedCopyNote> parse_feed_note(std::string_view line);

// Hexadecimal.
std::string feed_source_hash(const FeedSource& source);

// Writes one. The old copy stays until commit().
class FeedCopyWriter {
 public:
  static common::Result<FeedCopyWriter> create(const std::string& folder, const FeedSource& source);

  common::Result<void> add(std::string_view bytes);
  // `hash` is FeedReader's of the same bytes.
  common::Result<void> commit(const FeedVersion& version, std::string hash, int64_t fetched_unix_ms);

 private:
  FeedCopyWriter(AtomicFile file, std::string source) : file_(std::move(file)), source_(std::move(source)) {}

  AtomicFile file_;
  std::string source_;
  uint64_t bytes_ = 0;
};

struct FeedCopy {
  FeedContent content;
  FeedVersion version;
  int64_t fetched_unix_ms = 0;
};

// Fails, with the path, for a copy that is damaged or of another source; `missing` is set where there is
// none.
common::Result<FeedCopy> load_feed_copy(const std::string& folder, const FeedSource& source, bool& missing,
                                        const FeedBounds& bounds = {});

// Reads the bytes of a copy piece by piece, for other nodes.
class FeedCopyBytes {
 public:
  // The error begins with the path.
  static common::Result<FeedCopyBytes> open(const std::string& path);

  const FeedCopyNote& note() const { return note_; }
  // Appends the next bytes; nothing after the last. False: they cannot be read.
  bool next(std::string& out);
  bool at_end() const { return left_ == 0; }

 private:
  FeedCopyBytes(FileDescriptor file, FeedCopyNote note);

  FileDescriptor file_;
  FeedCopyNote note_;
  uint64_t left_;
};

}  // namespace shoal::node
