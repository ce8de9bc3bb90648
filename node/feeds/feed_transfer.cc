#include "node/feeds/feed_transfer.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <memory>
#include <string>
#include <utility>

#include "common/text.h"
#include "node/config/version.h"
#include "node/feeds/curl_library.h"
#include "node/feeds/feed_copy.h"
#include "node/os/file_descriptor.h"
#include "node/text/printable.h"

namespace shoal::node {

using common::Result;

namespace {

constexpr size_t kFileReadBytes = 256 << 10;

}  // namespace

Result<Transfer> transfer_file(const FeedRequest& request, const TakeBytes& take,
                               const std::stop_token& stop) {
  const std::string& path = request.source.place;
  const auto unreadable = [] { return common::fail(std::string("cannot be read: ") + std::strerror(errno)); };
  const FileDescriptor file(open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  struct stat info {};
  if (!file.is_open() || fstat(file.get(), &info) != 0) return unreadable();
  if (!S_ISREG(info.st_mode)) return common::fail("is not a regular file");
  Transfer transfer;
  transfer.version.etag = std::to_string(info.st_ino) + "-" + std::to_string(info.st_size) + "-" +
                          std::to_string(info.st_mtim.tv_sec) + "." + std::to_string(info.st_mtim.tv_nsec);
  transfer.unchanged = transfer.version == request.held;
  if (transfer.unchanged) return transfer;
  std::string buffer(kFileReadBytes, '\0');
  for (;;) {
    if (stop.stop_requested()) return common::fail("stopped");
    const ssize_t got = read(file.get(), buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return unreadable();
    if (got == 0) return transfer;
    if (!take(std::string_view(buffer).substr(0, static_cast<size_t>(got)))) return common::fail("refused");
  }
}

#ifdef SHOAL_CURL

namespace {

constexpr long kStatusOk = 200;
constexpr long kStatusUnchanged = 304;

// One transfer as libcurl's callbacks see it.
struct UrlTransfer {
  const CurlLibrary& curl;
  CURL* handle;
  const TakeBytes& take;
  const std::stop_token& stop;
  Transfer transfer{};
  std::string coding{};  // Content-Encoding of the answer under way
};

long status_of(const UrlTransfer& at) {
  long status = 0;
  at.curl.easy_getinfo(at.handle, CURLINFO_RESPONSE_CODE, &status);
  return status;
}

size_t on_header(char* data, size_t size, size_t count, void* user) {
  auto& at = *static_cast<UrlTransfer*>(user);
  std::string_view line(data, size * count);
  if (line.starts_with("HTTP/")) {  // the next answer of a redirect
    at.transfer.version = {};
    at.coding.clear();
  }
  while (!line.empty() && (line.back() == '\n' || line.back() == '\r')) line.remove_suffix(1);
  const size_t colon = line.find(':');
  if (colon == std::string_view::npos) return size * count;
  const std::string_view name = line.substr(0, colon);
  const std::string_view value = common::trim_blanks(line.substr(colon + 1));
  const bool kept = value.size() <= kFeedVersionBytesMax;
  if (common::equals_ignoring_case(name, "etag") && kept) at.transfer.version.etag = value;
  if (common::equals_ignoring_case(name, "last-modified") && kept) at.transfer.version.modified = value;
  if (common::equals_ignoring_case(name, "content-encoding")) at.coding = value;
  return size * count;
}

size_t on_body(char* data, size_t size, size_t count, void* user) {
  const auto& at = *static_cast<UrlTransfer*>(user);
  if (status_of(at) != kStatusOk) return 0;  // an error's page
  const bool known = at.coding.empty() || common::equals_ignoring_case(at.coding, "gzip") ||
                     common::equals_ignoring_case(at.coding, "x-gzip") ||
                     common::equals_ignoring_case(at.coding, "identity");
  return known && at.take({data, size * count}) ? size * count : 0;
}

// "Failed to connect to a.example port 443" of "Failed to connect to a.example port 443 after 12 ms: ...":
// what differs each time would make each failure news.
std::string without_measures(std::string_view text) {
  constexpr std::string_view kAfter = " after ";
  for (size_t at = text.find(kAfter); at != std::string_view::npos; at = text.find(kAfter, at + 1)) {
    const size_t number = at + kAfter.size();
    const size_t unit = std::min(text.find_first_not_of("0123456789", number), text.size());
    if (unit == number || !text.substr(unit).starts_with(" m")) continue;
    const size_t rest = std::min(text.find_first_of(" :", unit + 1), text.size());
    const bool bytes_too = text.substr(rest).starts_with(" with ");
    return std::string(text.substr(0, at)) + std::string(bytes_too ? "" : text.substr(rest));
  }
  return std::string(text);
}

int on_progress(void* user, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  return static_cast<UrlTransfer*>(user)->stop.stop_requested() ? 1 : 0;
}

std::string failure_of(CURLcode code, const UrlTransfer& at, const char* detail) {
  const long status = status_of(at);
  // Also where the error's page was not read.
  if (status != 0 && status != kStatusOk && (code == CURLE_WRITE_ERROR || code == CURLE_OK))
    return "HTTP status " + std::to_string(status);
  if (code == CURLE_WRITE_ERROR && !at.coding.empty())
    return "is coded as " + printable(at.coding, 20) + ", which was not asked for";
  if (code == CURLE_PARTIAL_FILE) return "is cut: fewer bytes than announced";
  const std::string_view text = *detail != '\0' ? detail : at.curl.easy_strerror(code);
  // A connection that ends in the middle, which TLS tells from its end; libcurl 7 said the above of it.
  if (code == CURLE_RECV_ERROR && status == kStatusOk)
    return "is cut: " + printable(without_measures(text), 150);
  return printable(without_measures(text), 160);
}

}  // namespace

Result<Transfer> transfer_url(const FeedRequest& request, const TakeBytes& take,
                              const std::stop_token& stop) {
  const auto library = curl_library();
  if (!library) return tl::make_unexpected(library.error());
  const CurlLibrary& curl = **library;
  const std::unique_ptr<CURL, decltype(curl.easy_cleanup)> handle(curl.easy_init(), curl.easy_cleanup);
  if (!handle) return common::fail("libcurl has no memory");
  UrlTransfer at{curl, handle.get(), take, stop};
  curl_slist* list = nullptr;
  const auto add_header = [&](const std::string& line) { list = curl.slist_append(list, line.c_str()); };
  add_header("Accept-Encoding: gzip");
  if (!request.held.etag.empty()) add_header("If-None-Match: " + request.held.etag);
  if (!request.held.modified.empty()) add_header("If-Modified-Since: " + request.held.modified);
  const std::unique_ptr<curl_slist, decltype(curl.slist_free_all)> headers(list, curl.slist_free_all);
  std::array<char, CURL_ERROR_SIZE> detail{};
  const std::string agent = std::string("shoal/") + version();
  const FetchLimits& limits = request.limits;
  const bool secure = request.source.place.starts_with("https://");
  bool set = true;
  const auto option = [&](CURLoption name, auto value) {
    set = set && curl.easy_setopt(handle.get(), name, value) == CURLE_OK;
  };
  option(CURLOPT_URL, request.source.place.c_str());
  option(CURLOPT_NOSIGNAL, 1L);
  option(CURLOPT_PROTOCOLS_STR, "http,https");
  option(CURLOPT_FOLLOWLOCATION, 1L);
  option(CURLOPT_REDIR_PROTOCOLS_STR, secure ? "https" : "http,https");
  option(CURLOPT_MAXREDIRS, limits.redirects);
  option(CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
  option(CURLOPT_SSL_VERIFYPEER, 1L);
  option(CURLOPT_SSL_VERIFYHOST, 2L);
  if (!request.ca_file.empty()) {
    option(CURLOPT_CAINFO, request.ca_file.c_str());
    option(CURLOPT_CAPATH, static_cast<const char*>(nullptr));
  }
  option(CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
  option(CURLOPT_HTTPHEADER, headers.get());
  option(CURLOPT_USERAGENT, agent.c_str());
  option(CURLOPT_CONNECTTIMEOUT, limits.connect_s);
  option(CURLOPT_TIMEOUT, limits.total_s);
  option(CURLOPT_LOW_SPEED_LIMIT, limits.slow_bytes_per_s);
  option(CURLOPT_LOW_SPEED_TIME, limits.slow_s);
  option(CURLOPT_ERRORBUFFER, detail.data());
  option(CURLOPT_HEADERFUNCTION, on_header);
  option(CURLOPT_HEADERDATA, static_cast<void*>(&at));
  option(CURLOPT_WRITEFUNCTION, on_body);
  option(CURLOPT_WRITEDATA, static_cast<void*>(&at));
  option(CURLOPT_XFERINFOFUNCTION, on_progress);
  option(CURLOPT_XFERINFODATA, static_cast<void*>(&at));
  option(CURLOPT_NOPROGRESS, 0L);
  // A name that nobody answers for does not hold up the end of the process.
  option(CURLOPT_QUICK_EXIT, 1L);
  if (!set) return common::fail("this libcurl is too old: 7.87 or newer is needed");
  const CURLcode code = curl.easy_perform(handle.get());
  const long status = status_of(at);
  const bool asked_for_changes = request.held != FeedVersion();
  at.transfer.unchanged = asked_for_changes && code == CURLE_OK && status == kStatusUnchanged;
  if (at.transfer.unchanged) {
    // A 304 need not repeat what is known.
    if (at.transfer.version.etag.empty()) at.transfer.version.etag = request.held.etag;
    if (at.transfer.version.modified.empty()) at.transfer.version.modified = request.held.modified;
    return at.transfer;
  }
  if (code != CURLE_OK || status != kStatusOk) return common::fail(failure_of(code, at, detail.data()));
  return at.transfer;
}

#else

Result<Transfer> transfer_url(const FeedRequest& /*request*/, const TakeBytes& /*take*/,
                              const std::stop_token& /*stop*/) {
  return common::fail("this shoal was built without libcurl, so feeds can be files only");
}

#endif

}  // namespace shoal::node
