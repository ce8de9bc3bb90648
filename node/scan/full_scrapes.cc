#include "node/scan/full_scrapes.h"

#include <utility>

#include "node/os/monotonic.h"
#include "node/scan/dump.h"
#include "proto/accept_encoding.h"
#include "proto/http_answer.h"

namespace shoal::node {

namespace {

constexpr uint32_t kMinuteS = 60;

class FullScrape final : public StreamedAnswer {
 public:
  FullScrape(std::string head, bool chunked, DumpGate::Pass pass, const SwarmStore& store,
             proto::DumpFormat format, proto::ContentCoding coding, int64_t unix_minute)
      : head_(std::move(head)),
        chunked_(chunked),
        pass_(std::move(pass)),
        dump_(store, format, coding, unix_minute) {}

  bool next(std::string& out) override {
    out += std::exchange(head_, {});
    body_.clear();
    const bool more = dump_.next(body_);
    pass_.count_bytes(body_.size());
    if (!chunked_) {
      out += body_;
    } else {
      if (!body_.empty()) proto::append_chunk(out, body_);
      if (!more) out += proto::kLastChunk;
    }
    return more;
  }

 private:
  std::string head_;
  const bool chunked_;
  DumpGate::Pass pass_;
  Dump dump_;
  std::string body_;
};

}  // namespace

std::unique_ptr<StreamedAnswer> FullScrapes::answer(const proto::HttpRequest& request,
                                                    proto::DumpFormat format,
                                                    const std::optional<common::Endpoint>& client,
                                                    std::string& out, bool* too_often) {
  const proto::HttpReply reply = reply_to_long(request);
  const proto::ContentCoding coding = proto::choose_coding(request.header("accept-encoding"));
  std::string head;
  proto::append_stream_head(head, reply, proto::content_type(format), proto::to_string(coding));
  if (request.method == proto::HttpMethod::head) {
    out += head;
    return nullptr;
  }
  auto pass = gate_.enter(client, monotonic_s());
  if (!pass) {
    if (too_often != nullptr) *too_often = pass.error().too_often;
    const uint32_t minutes = (pass.error().wait_s + kMinuteS - 1) / kMinuteS;
    proto::append_too_often(
        out, reply,
        pass.error().too_often ? "you have had a full scrape lately" : "too many full scrapes at once",
        minutes);
    return nullptr;
  }
  return std::make_unique<FullScrape>(std::move(head), request.version_minor >= 1, std::move(*pass), store_,
                                      format, coding, clock_.unix_ms() / 60'000);
}

}  // namespace shoal::node
