// Key files: the keys of a cluster as text.
//
//   # a comment
//   shoal-key-1:000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f
//
// One key a file, 32 random bytes in hexadecimal; blank lines and lines that begin with '#' do not count. No
// function here puts a key into a message.

#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "common/result.h"

namespace shoal::node {

using ClusterKey = std::array<uint8_t, 32>;

constexpr size_t kKeyFileBytesMax = 4096;

// `name` begins the error.
common::Result<ClusterKey> parse_key_file(const std::string& name, std::string_view text);

// The text of a key file, comment included.
std::string format_key_file(const ClusterKey& key);

// Reads a key file; logs a warning when everybody on the machine may read it. (Its group may: a file of
// root:shoal.)
common::Result<ClusterKey> load_key_file(const std::string& path);

// Writes a new random key to a new file that only the owner may read. An existing file is left as it is and
// is an error.
common::Result<void> create_key_file(const std::string& path);

// 32 random bytes.
ClusterKey new_key();

}  // namespace shoal::node
