// FeedReader: turns the bytes of a feed into a list, as they come: plain text or gzip, line by line. Nothing
// of the text is kept. Everything is bounded, as whoever runs a feed's server decides what it sends: bytes as
// received and unpacked, lines, entries, the share of lines that are none, and how many addresses a line may
// hold. Pure; one thread at a time.

#pragma once

#include <sodium/crypto_generichash.h>

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "common/info_hash.h"
#include "common/network.h"
#include "common/result.h"
#include "node/access/access_list.h"
#include "node/access/line_file.h"
#include "node/access/network_file.h"
#include "node/config/options.h"

namespace shoal::node {

struct FeedBounds {
  size_t received_max = 64 << 20;      // bytes as they came
  size_t text_max = 256 << 20;         // bytes once unpacked
  size_t lines_max = 5'000'000;        // with comments
  size_t entries_max = 4'000'000;      // of all feeds of a kind: 80 MB of hashes, 128 MB of IPv6 ranges
  size_t entries_of_others = 0;        // in force, of the other feeds of the kind
  size_t good_lines_per_bad_one = 99;  // fewer: the feed is refused
};

// One feed's list. One of the two is there.
struct FeedContent {
  std::shared_ptr<const common::NetworkSet> networks{};
  std::shared_ptr<const AccessList> hashes{};
  size_t entries = 0;  // lines that hold one
  size_t bad_lines = 0;
  std::string hash{};  // of the bytes it was made of
};

constexpr size_t kFeedHashBytes = 32;

class FeedReader {
 public:
  explicit FeedReader(FeedKind kind, const FeedBounds& bounds = {});
  ~FeedReader();
  FeedReader(const FeedReader&) = delete;
  FeedReader& operator=(const FeedReader&) = delete;

  // False: the feed is refused, and finish() says why. More bytes change nothing.
  bool add(std::string_view bytes);

  // Of all bytes so far, as they came: BLAKE2b, hexadecimal.
  std::string hash() const;

  // Once, at the end. Sorts: takes a second for a million entries.
  common::Result<FeedContent> finish();

 private:
  struct Unpacker;

  bool refuse(std::string reason);
  bool add_text(std::string_view text);
  bool add_line(std::string_view line);
  std::string shown_line(std::string_view line) const;

  const FeedKind kind_;
  const FeedBounds bounds_;
  const size_t entries_max_;
  std::string begin_;                   // the first bytes, until they tell whether it is gzip
  std::unique_ptr<Unpacker> unpacker_;  // null: plain text
  bool begun_ = false;
  size_t received_ = 0;
  size_t text_ = 0;
  size_t lines_ = 0;
  size_t entries_ = 0;
  size_t bad_lines_ = 0;
  std::string first_bad_;
  std::string refused_;  // empty: not
  crypto_generichash_state hash_;
  LineSplitter splitter_;
  common::NetworkSet::Builder networks_;
  std::vector<common::InfoHash> hashes_;
};

}  // namespace shoal::node
