// Why something of XDP failed, in words for an operator: from errno, from what libbpf said meanwhile, and
// from what this process and its kernel lack.

#pragma once

#include <string>
#include <string_view>

namespace shoal::node {

// Keeps what libbpf says while it lives; one at a time.
class LibbpfWords {
 public:
  LibbpfWords();
  ~LibbpfWords();
  LibbpfWords(const LibbpfWords&) = delete;
  LibbpfWords& operator=(const LibbpfWords&) = delete;

  // The last line that contains `mark`, from behind it on; else empty.
  std::string after(std::string_view mark) const;

  // What the verifier said last before its statistics.
  std::string verdict() const;
};

// Empty: the kernel is not too old.
std::string why_too_old();

// Loading failed with this errno.
std::string why_not_loaded(int error, const LibbpfWords& words);

// "CAP_NET_ADMIN and CAP_BPF": what this process lacks to attach the program; empty: nothing.
std::string missing_capabilities();

}  // namespace shoal::node
