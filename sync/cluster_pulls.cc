// Pulls, both sides: asking a member for records over TCP and merging them, and giving them.

#include <algorithm>
#include <cstdlib>

#include "sync/cluster_impl.h"

namespace shoal::sync {

namespace {

using common::LogLevel;

// After a pull that failed or was refused, that member is let alone for so long; after one that brought
// nothing new, longer each time.
constexpr int64_t kAfterFailureUs = 2'000'000;
constexpr int64_t kAfterFruitlessUs = 2'000'000;
constexpr uint32_t kFruitlessDoublings = 5;

Cells cells_of(const proto::PullRequest& request, common::Tick now) {
  if (request.parts.empty()) return Cells::everything();
  Cells cells;
  for (const proto::PullPart& part : request.parts) {
    for (uint32_t i = 0; i < part.ticks; ++i) {
      const common::Tick tick = part.first_tick + i;
      if (now - tick >= common::kLifetimeTicks || tick - now > common::kAheadTicks) continue;
      if (part.buckets.empty()) cells.add(common::stamp_of(tick));
      for (const uint32_t bucket : part.buckets) cells.add(common::stamp_of(tick), bucket);
    }
  }
  return cells;
}

}  // namespace

void Cluster::Impl::begin_pull(Now now, Member& member, std::vector<proto::PullPart> parts,
                               std::vector<Difference> differences, Outputs& out) {
  const bool everything = parts.empty();
  const proto::PullRequest request{member.id, member.incarnation, std::move(parts)};
  const SealedPacket packet = sealer.seal(proto::SyncStream::requests, proto::encode_sync_packet(request));
  auto framed = std::make_shared<std::vector<uint8_t>>();
  framed->reserve(2 + packet->size());
  framed->push_back(static_cast<uint8_t>(packet->size() >> 8));
  framed->push_back(static_cast<uint8_t>(packet->size()));
  framed->insert(framed->end(), packet->begin(), packet->end());
  ++stats.pulls_started;
  pull = std::make_unique<Pull>(
      Pull::Purpose{++pull_number, member.id, display_name(member), everything, std::move(differences)},
      PullSeal{keys.sealing(), nonce_of(*packet), member.id, member.incarnation}, now.mono_us);
  out.pulls.push_back({pull_number, member.address, std::move(framed)});
  if (everything) {
    out.logs.push_back({LogLevel::info, "pulling everything", {{"from", display_name(member)}}});
  }
  plan_pulls(now);
}

void Cluster::Impl::pull_received(Now now, uint64_t number, common::ByteSpan bytes, Outputs& out) {
  if (pull == nullptr || pull->purpose().number != number) return;
  stats.pulled_bytes += bytes.size();
  proto::PullFrame frame;
  for (;;) {
    const Pull::Came came = pull->take(bytes, frame, now.mono_us);
    if (came == Pull::Came::nothing_yet) break;
    if (came == Pull::Came::damaged || !apply_frame(now, frame)) {
      out.pull_aborts.push_back(number);
      return end_pull(now, false,
                      came == Pull::Came::damaged ? "a frame is damaged" : "its clock is not ours", out);
    }
  }
  plan_pulls(now);
}

bool Cluster::Impl::apply_frame(Now now, const proto::PullFrame& frame) {
  const common::Tick present = tick(now);
  if (std::abs(frame.tick - present) > kTicksApartMax) return false;
  for (const proto::RecordBlock& block : frame.blocks) {
    pull->records += block.records.size();
    // A count includes records that a pull of some cells does not bring: they would be counted again when
    // they come.
    pull->applied += pull->purpose().everything
                         ? swarms.merge_part({block.info_hash, block.completed, block.records}, present)
                         : swarms.merge(block.records, present);
  }
  return true;
}

void Cluster::Impl::pull_closed(Now now, uint64_t number, bool reached, Outputs& out) {
  if (pull == nullptr || pull->purpose().number != number) return;
  // A donor that closes without a word has others to give to.
  if (reached && !pull->answered() && now.mono_us - waiting_since_us < kBootstrapBusyMaxUs) {
    bootstrap_until_us = std::max(bootstrap_until_us, now.mono_us + kBootstrapMaxUs);
  }
  if (pull->complete()) return end_pull(now, true, "", out);
  end_pull(now, false, pull->answered() ? "it broke off" : "", out);
}

void Cluster::Impl::end_pull(Now now, bool good, const std::string& reason, Outputs& out) {
  const std::unique_ptr<Pull> ended = std::move(pull);
  const bool everything = ended->purpose().everything;
  stats.pulled_records += ended->records;
  stats.pulled_applied += ended->applied;
  ++(good ? stats.pulls_finished : reason.empty() ? stats.pulls_refused : stats.pulls_failed);
  if (Member* member = members.find(ended->purpose().member)) {
    MemberRepair& repair = member->repair;
    if (!good) {
      repair.next_pull_us = now.mono_us + kAfterFailureUs + prng.below(kAfterFailureUs / 2);
    } else if (ended->applied > 0) {
      repair.fruitless = 0;
      repair.next_unsteady_us = MemberRepair::kNeverUs;
    } else if (!everything) {
      vain.forget_before(tick(now) - kCompareToAge);
      vain.add(ended->purpose().differences);
      // What is remembered is not pulled for again anyway.
      if (ended->purpose().differences.empty()) {
        repair.next_pull_us = now.mono_us + (kAfterFruitlessUs << repair.fruitless);
        repair.fruitless = std::min(repair.fruitless + 1, kFruitlessDoublings);
      }
    }
  }
  if (ended->applied > 0) {
    for (auto& [member_id, member] : members.all()) member.repair.forget();
    next_digests_us = std::min(next_digests_us, now.mono_us + kDigestsSoonUs);
    ask_digests = true;
  }
  if (!good && !reason.empty()) {
    out.logs.push_back(
        {LogLevel::warn, "a pull failed", {{"from", ended->purpose().member_name}, {"reason", reason}}});
  }
  if (ended->answered()) bootstrap_until_us = std::max(bootstrap_until_us, now.mono_us + kBootstrapMaxUs);
  if (everything) {
    phase = good ? SyncPhase::checking : SyncPhase::waiting;
    if (good) {
      check_until_us = now.mono_us + kCheckMaxUs;
      next_digests_us = now.mono_us;
      out.logs.push_back(
          {LogLevel::info,
           "pulled everything",
           {{"from", ended->purpose().member_name}, {"records", std::to_string(ended->records)}}});
    }
  }
  plan_pulls(now);
}

std::unique_ptr<Donation> Cluster::Impl::accept_pull(Now now, const common::Endpoint&,
                                                     common::ByteSpan request, Outputs&) {
  const auto refuse = [](uint64_t& counter) {
    ++counter;
    return nullptr;
  };
  if (left || desk->full()) return refuse(stats.donations_refused);
  if (pull_request_missing(request) != std::optional<size_t>(0)) return refuse(stats.dropped_requests);
  const common::ByteSpan packet = request.subspan(2);
  const auto header = proto::parse_sync_header(packet);
  if (!header || header->stream != proto::SyncStream::requests || header->cluster_tag != tag) {
    return refuse(stats.dropped_requests);
  }
  // A trusted member, and each of its requests once: so a request that is played again costs no opening.
  Member* member = members.find(header->node_id);
  if (member == nullptr || member->incarnation != header->incarnation || member->silent(now.mono_us) ||
      !member->refused.empty() || header->sequence <= member->repair.last_request) {
    return refuse(stats.dropped_requests);
  }
  const auto body = open_sealed(keys, *header, packet);
  if (!body) return refuse(stats.dropped_requests);
  const auto said = proto::decode_sync_packet(*body);
  const auto* asked = said ? std::get_if<proto::PullRequest>(&*said) : nullptr;
  if (asked == nullptr || asked->donor != id || asked->incarnation != config.incarnation) {
    return refuse(stats.dropped_requests);
  }
  member->repair.last_request = header->sequence;
  const auto key = std::find_if(keys.all().begin(), keys.all().end(),
                                [&](const SealingKey& one) { return one.id == header->key_id; });
  desk->time_offset_ms = time.offset_ms();
  ++stats.donations_started;
  return make_donation(desk, swarms, tick_ms, {*key, nonce_of(packet), id, config.incarnation},
                       cells_of(*asked, tick(now)));
}

}  // namespace shoal::sync
