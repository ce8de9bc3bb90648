#include "node/feeds/feed_fetch.h"

#include <optional>
#include <utility>

#include "node/feeds/feed_copy.h"
#include "node/feeds/feed_transfer.h"
#include "node/os/thread_priority.h"
#include "node/text/printable.h"

namespace shoal::node {

namespace {

FetchedFeed failed_fetch(std::string reason) {
  FetchedFeed fetched;
  fetched.attempt.result = FeedResult::failed;
  fetched.attempt.reason = std::move(reason);
  return fetched;
}

}  // namespace

FetchedFeed fetch_feed(const FeedRequest& request, const std::stop_token& stop) {
  lower_thread_priority();
  FeedReader reader(request.source.kind, request.bounds);
  std::string copy_error;
  std::optional<FeedCopyWriter> copy;
  const auto keep = [&](common::Result<void> written) {
    if (written) return;
    copy_error = written.error().message;
    copy.reset();
  };
  // Made for the first bytes: most attempts bring none.
  const auto copy_too = [&](std::string_view bytes) {
    if (request.folder.empty() || !copy_error.empty()) return;
    if (!copy) {
      auto created = FeedCopyWriter::create(request.folder, request.source);
      if (!created) return keep(tl::make_unexpected(created.error()));
      copy.emplace(std::move(*created));
    }
    keep(copy->add(bytes));
  };
  bool taken = true;
  const auto take = [&](std::string_view bytes) {
    copy_too(bytes);
    taken = !stop.stop_requested() && reader.add(bytes);
    return taken;
  };
  const auto transfer =
      request.source.is_file() ? transfer_file(request, take, stop) : transfer_url(request, take, stop);
  if (stop.stop_requested()) return failed_fetch("stopped");
  // Why the reader took no more says more than that the transfer failed.
  if (!transfer && taken) return failed_fetch(transfer.error().message);
  FetchedFeed fetched;
  if (transfer && (transfer->unchanged || reader.hash() == request.hash)) {
    // Equal bytes are news for the copy only, where there is none of them.
    if (copy && !request.copy_kept) keep(copy->commit(transfer->version, request.hash, request.unix_ms));
    fetched.attempt = {.result = FeedResult::unchanged,
                       .copy_error = request.copy_kept ? std::string() : copy_error,
                       .version = transfer->version};
    return fetched;
  }
  auto content = reader.finish();
  if (!content) return failed_fetch(content.error().message);
  if (!transfer) return failed_fetch(transfer.error().message);
  if (const auto shrinks = shrinks_too_much(request.entries, content->entries);
      shrinks && !request.may_shrink) {
    return failed_fetch(*shrinks);
  }
  if (copy) keep(copy->commit(transfer->version, content->hash, request.unix_ms));
  fetched.attempt = {.result = FeedResult::changed,
                     .copy_error = copy_error,
                     .version = transfer->version,
                     .entries = content->entries,
                     .bad_lines = content->bad_lines};
  fetched.content = std::move(*content);
  return fetched;
}

}  // namespace shoal::node
