// ContentEncoder: one body in one content coding, compressed as it comes, in bounded memory (gzip 0.3 MB,
// zstd 0.6 MB). One thread at a time.

#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "proto/accept_encoding.h"

namespace shoal::node {

class ContentEncoder {
 public:
  explicit ContentEncoder(proto::ContentCoding coding);
  ~ContentEncoder();
  ContentEncoder(const ContentEncoder&) = delete;
  ContentEncoder& operator=(const ContentEncoder&) = delete;

  // Appends to `out` what of the coded body is ready after `bytes`; may be nothing.
  void add(std::string_view bytes, std::string& out);

  // Appends the rest. Once, and last.
  void finish(std::string& out);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace shoal::node
