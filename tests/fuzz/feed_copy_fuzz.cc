// The file of a feed's copy on disk: any bytes, and copies as they are written, cut, lengthened or with bytes
// changed. What loads is a list of the bytes that its last line is about, whole; a copy that nobody has
// touched loads as it was written.
//
// The first byte says what is done with the rest.

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>

#include "common/check.h"
#include "node/feeds/feed_copy.h"
#include "tests/fuzz/heap.h"

using namespace shoal;
using namespace shoal::node;

namespace {

constexpr FeedBounds kBounds{
    .received_max = 1 << 16, .text_max = 1 << 20, .lines_max = 500, .entries_max = 300};
constexpr int64_t kFetchedUnixMs = 1'900'000'000'123;
// The last line, and what it says.
constexpr size_t kNoteBytesMax = 2048;

// In memory where that is.
class Folder {
 public:
  Folder() {
    if (mkdtemp(path_.data()) == nullptr) path_ = "/tmp/shoal-feed-copy-fuzz-XXXXXX";
    if (path_.ends_with("XXXXXX")) CHECK_INVARIANT(mkdtemp(path_.data()) != nullptr);
  }
  ~Folder() {
    std::remove(feed_copy_path(path_, "list").c_str());
    rmdir(path_.c_str());
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_ = "/dev/shm/shoal-feed-copy-fuzz-XXXXXX";
};

const std::string& folder() {
  static const Folder made;
  return made.path();
}

bool same(const FeedContent& a, const FeedContent& b) {
  if (a.entries != b.entries || a.bad_lines != b.bad_lines || a.hash != b.hash) return false;
  if ((a.networks == nullptr) != (b.networks == nullptr)) return false;
  if (a.networks) return *a.networks == *b.networks;
  return std::equal(a.hashes->hashes().begin(), a.hashes->hashes().end(), b.hashes->hashes().begin(),
                    b.hashes->hashes().end());
}

common::Result<FeedContent> content_of(std::string_view text, FeedKind kind) {
  FeedReader reader(kind, kBounds);
  reader.add(text);
  return reader.finish();
}

void write_file(const std::string& path, std::string_view bytes) {
  std::ofstream(path, std::ios::binary | std::ios::trunc)
      .write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

std::string file_at(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

// What loads must be what the file says of itself.
void check_loaded(std::string_view file, const FeedCopy& copy, const FeedSource& source) {
  CHECK_INVARIANT(file.ends_with('\n'));
  const size_t begin = file.rfind("shoal-feed-1");
  CHECK_INVARIANT(begin != std::string_view::npos && file.size() - begin <= kNoteBytesMax);
  const auto note = parse_feed_note(file.substr(begin, file.size() - begin - 1));
  CHECK_INVARIANT(note && note->bytes == begin && note->source == feed_source_hash(source));
  CHECK_INVARIANT(note->version == copy.version && note->fetched_unix_ms == copy.fetched_unix_ms);
  const auto content = content_of(file.substr(0, begin), source.kind);
  CHECK_INVARIANT(content && content->hash == note->hash && same(*content, copy.content));
}

// For other nodes, which read the bytes themselves.
void check_bytes(const std::string& path, std::string_view file) {
  auto bytes = FeedCopyBytes::open(path);
  if (!bytes) return;
  std::string all;
  while (!bytes->at_end()) CHECK_INVARIANT(bytes->next(all));
  CHECK_INVARIANT(all == file.substr(0, bytes->note().bytes));
  CHECK_INVARIANT(bytes->next(all) && all.size() == bytes->note().bytes);
}

void damage(std::string& file, common::ByteReader script) {
  while (script.remaining() >= 4 && !file.empty()) {
    const uint8_t kind = script.u8();
    const size_t at = script.u16() % file.size();
    const auto byte = static_cast<char>(script.u8());
    switch (kind % 8) {
      case 0:
        file.resize(at);
        break;
      case 1:
        file.insert(at, 1, byte);
        break;
      case 2:
        file += byte;
        break;
      case 3:
        file.erase(at, 1);
        break;
      case 4:
        file += file.substr(at);  // half a copy behind another
        break;
      case 5:
        file[file.size() - 1 - at % std::min<size_t>(file.size(), 200)] = byte;  // in its last line
        break;
      default:
        file[at] = byte;
    }
    if (file.size() > kBounds.received_max) return;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 4) return 0;
  const FeedKind kind = (data[0] & 1) != 0 ? FeedKind::networks : FeedKind::hashes;
  const FeedSource source{"list", kind, 3600, (data[0] & 2) != 0 ? "https://a.example/?key=word" : "/file"};
  const std::string path = feed_copy_path(folder(), source.name);
  // How many of the bytes say what is damaged.
  const size_t damages = std::min<size_t>(data[1] % 32 * 4, size - 4);
  std::string text(reinterpret_cast<const char*>(data) + 4, size - 4 - damages);
  const FeedVersion version{text.substr(0, data[2] % 8), text.substr(0, data[3])};
  const bool written = (data[0] & 4) != 0;
  const auto content = content_of(text, kind);
  if (written) {
    auto writer = FeedCopyWriter::create(folder(), source);
    CHECK_INVARIANT(writer.has_value());
    FeedReader reader(kind, kBounds);
    for (size_t at = 0; at < text.size(); at += 100) {
      CHECK_INVARIANT(writer->add(std::string_view(text).substr(at, 100)).has_value());
    }
    reader.add(text);
    CHECK_INVARIANT(writer->commit(version, reader.hash(), kFetchedUnixMs).has_value());
  } else {
    write_file(path, text);
  }
  if (damages > 0) {
    std::string file = file_at(path);
    damage(file, common::ByteReader({data + size - damages, damages}));
    write_file(path, file);
  }
  const std::string file = file_at(path);
  bool missing = true;
  const auto copy = load_feed_copy(folder(), source, missing, kBounds);
  CHECK_INVARIANT(!missing);
  if (!copy) CHECK_INVARIANT(copy.error().message.starts_with(path + ": "));
  if (copy) check_loaded(file, *copy, source);
  check_bytes(path, file);
  if (written && damages == 0) {
    CHECK_INVARIANT(copy.has_value() == content.has_value());
    if (copy) {
      CHECK_INVARIANT(same(copy->content, *content) && copy->fetched_unix_ms == kFetchedUnixMs);
      CHECK_INVARIANT(copy->version == version);
    }
  }
  // Another feed's is not taken for it.
  const FeedSource other{"list", kind, 3600, "/other"};
  CHECK_INVARIANT(!load_feed_copy(folder(), other, missing, kBounds).has_value());
  return 0;
}
