#include "node/feeds/feed_copy.h"

#include <fcntl.h>
#include <sodium/crypto_generichash.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <optional>
#include <span>
#include <utility>

#include "common/hex.h"
#include "node/config/option_values.h"
#include "node/text/printable.h"

namespace shoal::node {

using common::Result;

namespace {

constexpr std::string_view kFeedFormat = "shoal-feed-1";
constexpr size_t kNoteBytesMax = 256 + 4 * kFeedVersionBytesMax;
constexpr size_t kCopyPieceBytes = 64 << 10;
constexpr mode_t kCopyMode = S_IRUSR | S_IWUSR;

template <class Number>
bool read_number(std::string_view word, Number& number) {
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), number);
  return error == std::errc() && end == word.data() + word.size();
}

std::string hex_word(std::string_view text) {
  return text.empty() || text.size() > kFeedVersionBytesMax ? "-" : common::to_hex(common::bytes_of(text));
}

std::optional<std::string> text_of_hex(std::string_view word) {
  if (word == "-") return "";
  std::array<uint8_t, kFeedVersionBytesMax> bytes;
  const std::span text(bytes.data(), std::min(word.size() / 2, bytes.size()));
  if (!common::from_hex(word, text)) return std::nullopt;
  return std::string(text.begin(), text.end());
}

}  // namespace

std::string feed_copy_path(const std::string& folder, const std::string& name) {
  return folder + "/" + name + ".feed";
}

std::string format_feed_note(const FeedCopyNote& note) {
  return std::string(kFeedFormat) + " " + note.source + " " + std::to_string(note.fetched_unix_ms) + " " +
         std::to_string(note.bytes) + " " + note.hash + " " + hex_word(note.version.etag) + " " +
         hex_word(note.version.modified);
}

Result<FeedCopyNote> parse_feed_note(std::string_view line) {
  std::array<std::string_view, 7> words;
  for (size_t i = 0; i < words.size(); ++i) {
    const size_t end = std::min(line.find(' '), line.size());
    words[i] = line.substr(0, end);
    line.remove_prefix(std::min(end + 1, line.size()));
  }
  FeedCopyNote note;
  note.source = words[1];
  note.hash = words[4];
  const auto etag = text_of_hex(words[5]);
  const auto modified = text_of_hex(words[6]);
  const bool good = line.empty() && words[0] == kFeedFormat && read_number(words[2], note.fetched_unix_ms) &&
                    read_number(words[3], note.bytes) && note.hash.size() == 2 * kFeedHashBytes &&
                    !words[5].empty() && !words[6].empty() && etag && modified;
  if (!good) return common::fail("is not a copy of a feed, or is cut");
  note.version = {*etag, *modified};
  return note;
}

std::string feed_source_hash(const FeedSource& source) {
  const std::string text = std::string(to_string(source.kind)) + " " + source.place;
  std::array<uint8_t, 16> hash;
  crypto_generichash(hash.data(), hash.size(), reinterpret_cast<const uint8_t*>(text.data()), text.size(),
                     nullptr, 0);
  return common::to_hex(hash);
}

Result<FeedCopyWriter> FeedCopyWriter::create(const std::string& folder, const FeedSource& source) {
  auto file = AtomicFile::create(feed_copy_path(folder, source.name), kCopyMode);
  if (!file) return tl::make_unexpected(file.error());
  return FeedCopyWriter(std::move(*file), feed_source_hash(source));
}

Result<void> FeedCopyWriter::add(std::string_view bytes) {
  bytes_ += bytes.size();
  return file_.write(common::bytes_of(bytes));
}

Result<void> FeedCopyWriter::commit(const FeedVersion& version, std::string hash, int64_t fetched_unix_ms) {
  const FeedCopyNote note{source_, fetched_unix_ms, bytes_, std::move(hash), version};
  auto written = file_.write(common::bytes_of(format_feed_note(note) + "\n"));
  return written ? file_.commit() : written;
}

FeedCopyBytes::FeedCopyBytes(FileDescriptor file, FeedCopyNote note)
    : file_(std::move(file)), note_(std::move(note)), left_(note_.bytes) {}

Result<FeedCopyBytes> FeedCopyBytes::open(const std::string& path) {
  const auto failed = [&](const std::string& why) { return common::fail(printable(path) + ": " + why); };
  FileDescriptor file(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  struct stat info {};
  if (!file.is_open() || fstat(file.get(), &info) != 0)
    return failed(std::string("cannot be read: ") + std::strerror(errno));
  if (!S_ISREG(info.st_mode)) return failed("is not a regular file");
  const auto size = static_cast<size_t>(info.st_size);
  std::string tail(std::min(size, kNoteBytesMax), '\0');
  const ssize_t got = pread(file.get(), tail.data(), tail.size(), static_cast<off_t>(size - tail.size()));
  if (got != static_cast<ssize_t>(tail.size()) || !tail.ends_with('\n'))
    return failed("is not a copy of a feed, or is cut");
  // The feed's own bytes need not end in a line feed.
  const size_t begin = tail.rfind(kFeedFormat);
  if (begin == std::string::npos) return failed("is not a copy of a feed, or is cut");
  auto note = parse_feed_note(std::string_view(tail).substr(begin, tail.size() - begin - 1));
  if (!note) return failed(note.error().message);
  if (note->bytes != size - (tail.size() - begin)) return failed("is not a copy of a feed, or is cut");
  return FeedCopyBytes(std::move(file), std::move(*note));
}

bool FeedCopyBytes::next(std::string& out) {
  if (left_ == 0) return true;
  const size_t before = out.size();
  out.resize(before + std::min<uint64_t>(left_, kCopyPieceBytes));
  ssize_t got;
  do {
    got = read(file_.get(), out.data() + before, out.size() - before);
  } while (got < 0 && errno == EINTR);
  out.resize(before + static_cast<size_t>(std::max<ssize_t>(got, 0)));
  left_ -= static_cast<uint64_t>(std::max<ssize_t>(got, 0));
  return got > 0;
}

Result<FeedCopy> load_feed_copy(const std::string& folder, const FeedSource& source, bool& missing,
                                const FeedBounds& bounds) {
  const std::string path = feed_copy_path(folder, source.name);
  missing = access(path.c_str(), F_OK) != 0 && errno == ENOENT;
  const auto failed = [&](const std::string& why) { return common::fail(printable(path) + ": " + why); };
  auto bytes = FeedCopyBytes::open(path);
  if (!bytes) return tl::make_unexpected(bytes.error());
  if (bytes->note().source != feed_source_hash(source)) return failed("is of another feed of that name");
  FeedReader reader(source.kind, bounds);
  std::string piece;
  while (!bytes->at_end()) {
    piece.clear();
    if (!bytes->next(piece)) return failed(std::string("cannot be read: ") + std::strerror(errno));
    if (!reader.add(piece)) break;
  }
  if (bytes->at_end() && reader.hash() != bytes->note().hash) return failed("is damaged");
  auto content = reader.finish();
  if (!content) return failed(content.error().message);
  return FeedCopy{std::move(*content), bytes->note().version, bytes->note().fetched_unix_ms};
}

}  // namespace shoal::node
