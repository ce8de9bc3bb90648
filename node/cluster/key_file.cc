#include "node/cluster/key_file.h"

#include <fcntl.h>
#include <sodium.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "common/bytes.h"
#include "common/check.h"
#include "common/hex.h"
#include "common/text.h"
#include "node/os/file_descriptor.h"
#include "node/os/files.h"
#include "node/text/printable.h"

namespace shoal::node {

namespace {

constexpr std::string_view kPrefix = "shoal-key-1:";

constexpr std::string_view kExpected =
    "expected \"shoal-key-1:\" and 64 hexadecimal digits (see `shoal keygen`)";

common::Result<sync::ClusterKey> parse_key_line(const std::string& where, std::string_view line) {
  if (!line.starts_with(kPrefix)) return common::fail(where + "is not a key: " + std::string(kExpected));
  const std::string_view digits = line.substr(kPrefix.size());
  sync::ClusterKey key;
  if (digits.size() != 2 * key.size()) {
    return common::fail(where + "the key has " + std::to_string(digits.size()) + " digits instead of 64");
  }
  if (!common::from_hex(digits, key)) {
    return common::fail(where + "the key has characters that are not hexadecimal digits");
  }
  return key;
}

}  // namespace

common::Result<sync::ClusterKey> parse_key_file(const std::string& name, std::string_view text) {
  common::Result<sync::ClusterKey> key = common::fail(name + ": has no key: " + std::string(kExpected));
  for (size_t number = 1; !text.empty(); ++number) {
    const size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = common::trim_line(text.substr(0, end));
    text.remove_prefix(std::min(text.size(), end + 1));
    if (line.empty() || line[0] == '#') continue;
    const std::string where = name + ":" + std::to_string(number) + ": ";
    if (key) return common::fail(where + "only one key is allowed in a file");
    key = parse_key_line(where, line);
    if (!key) return key;
  }
  return key;
}

std::string format_key_file(const sync::ClusterKey& key) {
  return "# Key of a shoal cluster. Whoever has it can add and remove peers: keep it secret.\n" +
         std::string(kPrefix) + common::to_hex(key) + "\n";
}

common::Result<sync::ClusterKey> load_key_file(const std::string& path) {
  auto text = read_text_file(path, kKeyFileBytesMax);
  if (!text) return common::fail("key file " + text.error().message);
  auto key = parse_key_file("key file " + printable(path), *text);
  sodium_memzero(text->data(), text->size());
  return key;
}

sync::ClusterKey new_key() {
  CHECK_INVARIANT(sodium_init() >= 0);
  sync::ClusterKey key;
  randombytes_buf(key.data(), key.size());
  return key;
}

common::Result<void> create_key_file(const std::string& path) {
  const auto failed = [&](int error) {
    return common::fail(printable(path) + ": cannot be written: " + std::strerror(error));
  };
  FileDescriptor file(open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, S_IRUSR | S_IWUSR));
  if (!file.is_open() && errno == EEXIST)
    return common::fail(printable(path) + ": already exists; it was not changed");
  if (!file.is_open()) return failed(errno);
  const bool written =
      write_all(file, common::bytes_of(format_key_file(new_key()))) && fsync(file.get()) == 0;
  const int error = errno;
  if (file.close() && written) return {};
  unlink(path.c_str());
  return failed(written ? errno : error);
}

}  // namespace shoal::node
