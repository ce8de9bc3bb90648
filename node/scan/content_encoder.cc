#include "node/scan/content_encoder.h"

#include <zlib.h>
#include <zstd.h>

#include <array>

#include "common/check.h"

namespace shoal::node {

using proto::ContentCoding;

namespace {

// Speed before size: the CPU is needed for clients.
constexpr int kLevel = 1;
constexpr int kGzipWindow = 15 + 16;  // the gzip format, in zlib's terms
constexpr int kZstdWindowLog = 16;
constexpr size_t kStepBytes = 16 << 10;

}  // namespace

struct ContentEncoder::Impl {
  explicit Impl(ContentCoding with) : coding(with) {
    if (coding == ContentCoding::gzip) {
      CHECK_INVARIANT(deflateInit2(&gzip, kLevel, Z_DEFLATED, kGzipWindow, 8, Z_DEFAULT_STRATEGY) == Z_OK);
    } else if (coding == ContentCoding::zstd) {
      zstd = ZSTD_createCCtx();
      CHECK_INVARIANT(zstd != nullptr);
      ZSTD_CCtx_setParameter(zstd, ZSTD_c_compressionLevel, kLevel);
      ZSTD_CCtx_setParameter(zstd, ZSTD_c_windowLog, kZstdWindowLog);
    }
  }
  ~Impl() {
    if (coding == ContentCoding::gzip) deflateEnd(&gzip);
    ZSTD_freeCCtx(zstd);
  }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  void run(std::string_view bytes, bool last, std::string& out) {
    if (coding == ContentCoding::gzip) {
      run_gzip(bytes, last, out);
    } else if (coding == ContentCoding::zstd) {
      run_zstd(bytes, last, out);
    } else {
      out += bytes;
    }
  }

  void run_gzip(std::string_view bytes, bool last, std::string& out) {
    // zlib only reads there; its type does not say so.
    gzip.next_in = const_cast<Bytef*>(reinterpret_cast<const Bytef*>(bytes.data()));
    gzip.avail_in = static_cast<uInt>(bytes.size());
    std::array<Bytef, kStepBytes> step;
    do {
      gzip.next_out = step.data();
      gzip.avail_out = static_cast<uInt>(step.size());
      const int result = deflate(&gzip, last ? Z_FINISH : Z_NO_FLUSH);
      CHECK_INVARIANT(result == Z_OK || result == Z_STREAM_END || result == Z_BUF_ERROR);
      out.append(reinterpret_cast<const char*>(step.data()), step.size() - gzip.avail_out);
    } while (gzip.avail_out == 0);
  }

  void run_zstd(std::string_view bytes, bool last, std::string& out) const {
    ZSTD_inBuffer in{bytes.data(), bytes.size(), 0};
    std::array<char, kStepBytes> step;
    for (bool more = true; more;) {
      ZSTD_outBuffer to{step.data(), step.size(), 0};
      const size_t left = ZSTD_compressStream2(zstd, &to, &in, last ? ZSTD_e_end : ZSTD_e_continue);
      CHECK_INVARIANT(ZSTD_isError(left) == 0);
      out.append(step.data(), to.pos);
      more = last ? left != 0 : in.pos < in.size;
    }
  }

  const ContentCoding coding;
  z_stream gzip{};
  ZSTD_CCtx* zstd = nullptr;
};

ContentEncoder::ContentEncoder(ContentCoding coding) : impl_(std::make_unique<Impl>(coding)) {}

ContentEncoder::~ContentEncoder() = default;

void ContentEncoder::add(std::string_view bytes, std::string& out) { impl_->run(bytes, false, out); }

void ContentEncoder::finish(std::string& out) { impl_->run({}, true, out); }

}  // namespace shoal::node
