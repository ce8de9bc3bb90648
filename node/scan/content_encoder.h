// ContentEncoder: compresses one HTTP body in one content coding as its bytes come, in bounded memory (gzip
// 0.3 MB, zstd 0.6 MB). One thread at a time.

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

  // Codes `bytes` and appends to `out` what is ready; may be nothing.
  void add(std::string_view bytes, std::string& out);

  // Appends the rest. To be called once, at the end.
  void finish(std::string& out);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace shoal::node
