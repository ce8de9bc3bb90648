#include "sync/donations.h"

#include <algorithm>
#include <utility>
#include <variant>

#include "proto/sync_packet.h"
#include "sync/differences.h"
#include "sync/seal.h"

namespace shoal::sync {

std::unique_ptr<Donation> Donations::accept(Now now, common::ByteSpan request) {
  const auto refuse = [](uint64_t& counter) {
    ++counter;
    return nullptr;
  };
  if (departure_.left() || desk_->full()) return refuse(stats_.donations_refused);
  if (pull_request_missing(request) != std::optional<size_t>(0)) return refuse(stats_.dropped_requests);
  const common::ByteSpan packet = request.subspan(2);
  const auto header = proto::parse_sync_header(packet, proto::kSyncRequestMax);
  if (!header || header->stream != proto::SyncStream::requests || header->cluster_tag != identity_.tag) {
    return refuse(stats_.dropped_requests);
  }
  // Only of a trusted member, and each of its requests once: so a replayed request costs no decryption.
  Member* member = members_.find(header->node_id);
  // One whose datagrams do not arrive may well be one whose TCP does.
  if (member == nullptr || member->incarnation() != header->incarnation || member->refused() ||
      header->sequence <= member->requests->last) {
    return refuse(stats_.dropped_requests);
  }
  const auto body = open_sealed(keys_, *header, packet);
  if (!body) return refuse(stats_.dropped_requests);
  const auto message = proto::decode_sync_packet(*body);
  const auto* pull = message ? std::get_if<proto::PullRequest>(&*message) : nullptr;
  if (pull == nullptr || pull->donor != identity_.id || pull->incarnation != identity_.incarnation) {
    return refuse(stats_.dropped_requests);
  }
  member->requests.mine().last = header->sequence;
  const auto key = std::find_if(keys_.all().begin(), keys_.all().end(),
                                [&](const SealingKey& one) { return one.id == header->key_id; });
  follow_clock();
  ++stats_.donations_started;
  const common::Tick tick = clock_.tick(now);
  Wanted wanted{pull->parts.empty() ? Cells::everything() : cells_of_parts(pull->parts, tick), pull->web, {}};
  if (!pull->sketch.empty()) wanted.beyond = proto::RecordSketch::read(pull->salt, pull->sketch);
  return make_donation(desk_, swarms_, identity_.tick_ms,
                       {*key, nonce_of(packet), identity_.id, identity_.incarnation}, std::move(wanted));
}

DonationStats Donations::stats() const {
  DonationStats out = stats_;
  out.donations_finished = desk_->finished;
  out.donated_bytes = desk_->bytes;
  out.donated_records = desk_->records;
  return out;
}

}  // namespace shoal::sync
