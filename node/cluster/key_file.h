// Key files: a cluster's key as text.
//
//   # a comment
//   shoal-key-1:000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f
//
// A file holds one key: 32 random bytes in hexadecimal. Blank lines and lines that begin with '#' are
// ignored. No function here puts a key into a message.

#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "common/result.h"
#include "sync/keys.h"

namespace shoal::node {

constexpr size_t kKeyFileBytesMax = 4096;

// The error begins with `name`.
common::Result<sync::ClusterKey> parse_key_file(const std::string& name, std::string_view text);

// Returns the text of a key file, including its comment.
std::string format_key_file(const sync::ClusterKey& key);

// Reads a key file. Logs a warning if every user of the machine can read it. (Its group may, as for a file of
// root:shoal.)
common::Result<sync::ClusterKey> load_key_file(const std::string& path);

// Writes a new random key to a new file that only its owner can read. Fails if the file exists, and does not
// change it.
common::Result<void> create_key_file(const std::string& path);

// 32 random bytes.
sync::ClusterKey new_key();

}  // namespace shoal::node
