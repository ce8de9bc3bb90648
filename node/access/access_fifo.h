// AccessFifo: a FIFO into which scripts write info_hashes, one per line, as opentracker expects them. Control
// thread only.

#pragma once

#include <uv.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "common/info_hash.h"
#include "common/result.h"
#include "node/access/access_list.h"
#include "node/access/line_file.h"
#include "node/os/file_descriptor.h"

namespace shoal::node {

class AccessFifo {
 public:
  // Gets the hashes of one read's complete lines, and the number of bad lines.
  using OnLines = std::function<void(std::vector<common::InfoHash> hashes, size_t bad_lines)>;

  // Opens the FIFO at `path`; creates it if it is missing.
  static common::Result<FileDescriptor> open(const std::string& path);

  AccessFifo(uv_loop_t* loop, FileDescriptor fifo, OnLines on_lines);
  AccessFifo(const AccessFifo&) = delete;
  AccessFifo& operator=(const AccessFifo&) = delete;

  // Closes the handle. The object must live until the loop has run the close callback.
  void close();

 private:
  void read_once();

  const FileDescriptor fifo_;
  const OnLines on_lines_;
  LineSplitter lines_;
  std::vector<char> buffer_;
  uv_poll_t poll_;
};

}  // namespace shoal::node
