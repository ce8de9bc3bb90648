#include "node/feeds/feed_reader.h"

#define ZLIB_CONST
#include <zlib.h>

#include <algorithm>
#include <array>
#include <new>
#include <utility>

#include "common/bytes.h"
#include "common/hex.h"
#include "node/config/option_values.h"
#include "node/text/printable.h"

namespace shoal::node {

using namespace std::string_view_literals;

namespace {

constexpr std::string_view kGzipMark = "\x1f\x8b"sv;
constexpr std::string_view kZipMark = "PK\x03\x04"sv;
constexpr std::string_view kUtf8Mark = "\xef\xbb\xbf"sv;
constexpr size_t kUnpackedPieceBytes = 64 << 10;
constexpr size_t kShownMax = 60;

// More than a quarter of IPv4, or than half of the public IPv6 addresses (2000::/3): no list of networks has
// such a line, but a wrong one denies everybody. Lists of what is not in use have 224.0.0.0/3 and 3000::/4.
bool is_too_wide(const common::AddressRange& range) {
  common::ByteReader first(range.first.address_bytes());
  common::ByteReader last(range.last.address_bytes());
  if (range.first.family == common::Family::v4) return last.u32() - first.u32() >= 1u << 30;
  // As upper halves of addresses.
  constexpr uint64_t kPublicFirst = uint64_t{1} << 61;
  constexpr uint64_t kPublicLast = kPublicFirst * 2 - 1;
  const uint64_t from = std::max(first.u64(), kPublicFirst);
  const uint64_t to = std::min(last.u64(), kPublicLast);
  return from <= to && to - from >= kPublicFirst / 2;
}

std::string bytes_text(size_t bytes) { return std::to_string(bytes >> 20) + " MiB"; }

}  // namespace

// gzip, several members behind each other too.
struct FeedReader::Unpacker {
  Unpacker() {
    // 16: a gzip header and no other.
    if (inflateInit2(&stream, MAX_WBITS + 16) != Z_OK) throw std::bad_alloc();
  }
  ~Unpacker() { inflateEnd(&stream); }
  Unpacker(const Unpacker&) = delete;
  Unpacker& operator=(const Unpacker&) = delete;

  z_stream stream{};
  bool ended = false;  // after a member; another may follow
};

FeedReader::FeedReader(FeedKind kind, const FeedBounds& bounds)
    : kind_(kind),
      bounds_(bounds),
      entries_max_(bounds.entries_max - std::min(bounds.entries_of_others, bounds.entries_max)) {
  crypto_generichash_init(&hash_, nullptr, 0, kFeedHashBytes);
}
FeedReader::~FeedReader() = default;

bool FeedReader::refuse(std::string reason) {
  refused_ = std::move(reason);
  return false;
}

bool FeedReader::add(std::string_view bytes) {
  if (!refused_.empty()) return false;
  crypto_generichash_update(&hash_, reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size());
  received_ += bytes.size();
  if (received_ > bounds_.received_max) return refuse("is larger than " + bytes_text(bounds_.received_max));
  if (!begun_) {
    begin_ += bytes;
    if (begin_.size() < kZipMark.size()) return true;
    bytes = begin_;
    begun_ = true;
    if (bytes.starts_with(kZipMark)) return refuse("is a zip archive, not text or gzip");
    if (bytes.starts_with(kGzipMark)) unpacker_ = std::make_unique<Unpacker>();
  }
  if (!unpacker_) return add_text(bytes);
  z_stream& stream = unpacker_->stream;
  stream.next_in = reinterpret_cast<const Bytef*>(bytes.data());
  stream.avail_in = static_cast<uInt>(bytes.size());
  std::array<char, kUnpackedPieceBytes> piece;
  do {
    if (unpacker_->ended) {
      if (stream.avail_in == 0) break;
      if (inflateReset(&stream) != Z_OK) throw std::bad_alloc();
      unpacker_->ended = false;
    }
    stream.next_out = reinterpret_cast<Bytef*>(piece.data());
    stream.avail_out = piece.size();
    const int result = inflate(&stream, Z_NO_FLUSH);
    if (result == Z_MEM_ERROR) throw std::bad_alloc();
    if (result != Z_OK && result != Z_STREAM_END && result != Z_BUF_ERROR) return refuse("is damaged gzip");
    unpacker_->ended = result == Z_STREAM_END;
    if (!add_text({piece.data(), piece.size() - stream.avail_out})) return false;
  } while (stream.avail_in > 0 || stream.avail_out == 0);
  return true;
}

bool FeedReader::add_text(std::string_view text) {
  text_ += text.size();
  if (text_ > bounds_.text_max) return refuse("unpacks to more than " + bytes_text(bounds_.text_max));
  return splitter_.feed(text, [this](std::string_view line) { return add_line(line); });
}

std::string FeedReader::shown_line(std::string_view line) const {
  return "line " + std::to_string(lines_) + ": \"" + printable(line, kShownMax) + "\"";
}

bool FeedReader::add_line(std::string_view line) {
  if (++lines_ > bounds_.lines_max)
    return refuse("has more than " + std::to_string(bounds_.lines_max) + " lines");
  if (lines_ == 1 && line.starts_with(kUtf8Mark)) line.remove_prefix(kUtf8Mark.size());
  bool nothing = false;
  bool good = false;
  if (kind_ == FeedKind::networks) {
    common::AddressRange range;
    const NetworkLine found = read_network_line(line, range);
    nothing = found == NetworkLine::nothing;
    good = found == NetworkLine::range;
    if (good && is_too_wide(range))
      return refuse(shown_line(line) + " holds more addresses than a feed may deny at once");
    if (good && entries_ < entries_max_) networks_.add(range);
  } else {
    common::InfoHash hash;
    const AccessLine found = read_access_line(line, hash);
    nothing = found == AccessLine::nothing;
    good = found == AccessLine::hash;
    if (good && entries_ < entries_max_) hashes_.push_back(hash);
  }
  if (nothing) return true;
  if (good) {
    if (++entries_ <= entries_max_) return true;
    const char* together = bounds_.entries_of_others > 0 ? ", the other feeds of its kind included" : "";
    return refuse("has more than " + std::to_string(bounds_.entries_max) + " entries" + together);
  }
  const size_t text = line.find_first_not_of(" \t\r");
  if (entries_ == 0 && text != std::string_view::npos && line[text] == '<')
    return refuse("is a web page or XML, not a list");
  if (bad_lines_++ == 0) first_bad_ = shown_line(line);
  return true;
}

std::string FeedReader::hash() const {
  crypto_generichash_state state = hash_;
  std::array<uint8_t, kFeedHashBytes> hash;
  crypto_generichash_final(&state, hash.data(), hash.size());
  return common::to_hex(hash);
}

common::Result<FeedContent> FeedReader::finish() {
  if (refused_.empty() && !begun_) {
    begun_ = true;
    add_text(begin_);
  }
  if (refused_.empty() && unpacker_ && !unpacker_->ended) refuse("is gzip that is cut");
  if (refused_.empty() && !splitter_.rest().empty()) add_line(splitter_.rest());
  if (refused_.empty() && bad_lines_ * bounds_.good_lines_per_bad_one > entries_) {
    refuse(std::to_string(bad_lines_) + " of " + std::to_string(bad_lines_ + entries_) + " lines are no " +
           std::string(to_string(kind_)) + ", first " + first_bad_);
  }
  if (refused_.empty() && entries_ == 0) refuse("is empty");
  if (!refused_.empty()) return common::fail(refused_);
  FeedContent content{.entries = entries_, .bad_lines = bad_lines_, .hash = hash()};
  if (kind_ == FeedKind::networks) {
    content.networks = std::make_shared<const common::NetworkSet>(std::move(networks_));
  } else {
    content.hashes = std::make_shared<const AccessList>(std::move(hashes_));
  }
  return content;
}

}  // namespace shoal::node
