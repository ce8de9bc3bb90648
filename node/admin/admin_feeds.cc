#include "node/admin/admin_feeds.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "node/admin/admin_api.h"
#include "node/admin/admin_query.h"
#include "node/admin/status_json.h"
#include "node/feeds/feed_copy.h"
#include "proto/http_answer.h"

namespace shoal::node {

namespace {

constexpr std::string_view kFeedsPath = "/v1/feeds/";

// Opens the copy where it may block.
class CopyAnswer final : public StreamedAnswer {
 public:
  CopyAnswer(Feeds::CopyPlace place, const proto::HttpRequest& request)
      : place_(std::move(place)),
        held_(request.header("if-none-match").value_or("")),
        chunked_(request.version_minor >= 1),
        reply_(reply_to_long(request)) {}

  bool next(std::string& out) override {
    if (!copy_) return begin(out);
    piece_.clear();
    cut_ = !copy_->next(piece_);
    if (cut_) return false;
    if (!chunked_) {
      out += piece_;
    } else if (!piece_.empty()) {
      proto::append_chunk(out, piece_);
    }
    if (!copy_->at_end()) return true;
    if (chunked_) out += proto::kLastChunk;
    return false;
  }

  bool cut() const override { return cut_; }

 private:
  bool begin(std::string& out) {
    auto opened = FeedCopyBytes::open(place_.path);
    // After a reload it may be of another place or kind.
    if (!opened || opened->note().source != place_.source) {
      append_api_error(out, reply_, 404, "there is no copy of this feed yet");
      return false;
    }
    const std::string etag = "\"" + opened->note().hash + "\"";
    const std::string header = "ETag: " + etag + "\r\n";
    if (held_ == etag) {
      proto::append_content(out, reply_, 304, "application/octet-stream", "", header);
      return false;
    }
    proto::append_stream_head(out, reply_, "application/octet-stream", "", header);
    if (reply_.method == proto::HttpMethod::head) return false;
    copy_.emplace(std::move(*opened));
    return true;
  }

  const Feeds::CopyPlace place_;
  const std::string held_;
  const bool chunked_;
  const proto::HttpReply reply_;
  std::optional<FeedCopyBytes> copy_;
  std::string piece_;
  bool cut_ = false;
};

struct RefreshQuery {
  std::optional<std::string_view> name;
  bool may_shrink = false;
};

std::optional<RefreshQuery> parse_refresh(std::string_view query) {
  RefreshQuery parsed;
  while (!query.empty()) {
    const size_t end = std::min(query.find('&'), query.size());
    const std::string_view pair = query.substr(0, end);
    query.remove_prefix(std::min(end + 1, query.size()));
    const auto name = name_of(pair);
    if (name && !parsed.name) {
      parsed.name = name;
    } else if (pair == "shrink=1") {
      parsed.may_shrink = true;
    } else {
      return std::nullopt;
    }
  }
  return parsed;
}

}  // namespace

void show_feeds(const Feeds& feeds, const proto::HttpRequest& request, std::string& out) {
  proto::append_content(out, proto::reply_to(request), 200, "application/json", feeds_json(feeds.status()));
}

std::unique_ptr<StreamedAnswer> give_feed(const Feeds& feeds, const proto::HttpRequest& request,
                                          std::string& out) {
  auto place = feeds.copy_place(request.path.substr(kFeedsPath.size()));
  if (place) return std::make_unique<CopyAnswer>(std::move(*place), request);
  append_api_error(out, proto::reply_to(request), 404,
                   "there is no feed of this name, or no access.feed_folder");
  return nullptr;
}

void refresh_feeds(Feeds& feeds, const proto::HttpRequest& request, std::string& out) {
  const proto::HttpReply reply = proto::reply_to(request);
  const auto query = parse_refresh(request.query);
  if (!query)
    return append_api_error(out, reply, 400, "?name= and the name of a feed, shrink=1, both or neither");
  if (!feeds.refresh(query->name, query->may_shrink))
    return append_api_error(out, reply, 404, "there is no feed of this name");
  append_api_result(out, reply, "fetching");
}

}  // namespace shoal::node
