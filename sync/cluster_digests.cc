// Repair, second line: digests told and compared, and what is pulled where they differ. Each side pulls what
// it lacks, so both heal.

#include <algorithm>

#include "sync/cluster_impl.h"

namespace shoal::sync {

namespace {

// Two comparisons closer together than this meet the same things underway.
constexpr int64_t kComparisonsApartUs = 600'000;

// What a member asks is answered at most so often.
constexpr int64_t kAnswerEveryUs = 400'000;

constexpr int64_t kCellsWaitUs = 500'000;

// Where something is always underway only now and then cells are compared, to see whether something is
// missing beside.
constexpr int64_t kUnsteadyEveryUs = 30'000'000;

// Sooner, while there are ticks that have not had their turn.
constexpr int64_t kUnsteadyNextUs = 5'000'000;

// One datagram's worth.
constexpr size_t kBucketsPerPacket = 171;
static_assert(kBucketsPerPacket <= proto::kCellDigestsMax);

// As many as one lost packet, or a few, may leave behind.
constexpr size_t kFewCells = 8;

// A tick of which more cells differ is pulled whole.
constexpr size_t kCellsOfTickMax = 128;

// What differs in the newest tick that is compared may well go on in those that are not yet: where it is
// little, in the same buckets, else in all. `buckets` is how many all parts name.
void add_newest(common::Tick now, size_t buckets, std::vector<proto::PullPart>& parts) {
  const proto::PullPart& last = parts.back();
  const common::Tick next = last.first_tick + last.ticks;
  if (now - next > kCompareFromAge || parts.size() == proto::kPullPartsMax) return;
  proto::PullPart newest{next, static_cast<uint32_t>(now - next + 1 + common::kLocalAheadTicks), {}};
  if (last.buckets.size() <= kFewCells) newest.buckets = last.buckets;
  if (buckets + newest.buckets.size() <= proto::kPullBucketsMax) parts.push_back(std::move(newest));
}

}  // namespace

bool Cluster::Impl::may_pull_from(const Member& member, int64_t now_us) const {
  return pull == nullptr && !left && member.refused.empty() && member.state(now_us) == MemberState::alive &&
         (member.repair.synced || member.repair.has_everything) && now_us >= member.repair.next_pull_us;
}

bool Cluster::Impl::anyone_differs(int64_t now_us) const {
  if (swarms.nearly_full()) return false;
  return std::any_of(members.all().begin(), members.all().end(), [&](const auto& entry) {
    const Member& member = entry.second;
    return member.repair.worth_a_hurry() && member.refused.empty() &&
           member.state(now_us) == MemberState::alive;
  });
}

void Cluster::Impl::tell_digests(Now now, Outputs& out) {
  if (!anyone_listening(now)) return;
  const bool ask = phase == SyncPhase::checking || ask_digests;
  ask_digests = false;
  const proto::Digests digests =
      digests_to_tell(swarms.stamp_digests(), tick(now), config.peer_timeout_s, ask);
  ++stats.digests_sent;
  broadcast(now, sealer.seal(proto::SyncStream::control, proto::encode_sync_packet(digests)), out);
}

void Cluster::Impl::apply_digests(Now now, Member& member, const proto::Digests& digests, Outputs& out) {
  if (digests.peer_timeout_s != config.peer_timeout_s || !member.refused.empty()) {
    ++stats.dropped_refused;
    return;
  }
  MemberRepair& repair = member.repair;
  repair.has_everything = true;
  if (phase == SyncPhase::waiting || phase == SyncPhase::bootstrapping) return;
  const StampDigests own = swarms.stamp_digests();
  if (digests.ask && now.mono_us - repair.told_us >= kAnswerEveryUs) {
    repair.told_us = now.mono_us;
    send_control(member.address, digests_to_tell(own, tick(now), config.peer_timeout_s, false), out);
  }
  if (now.mono_us - repair.compared_us < kComparisonsApartUs) return;
  repair.compared_us = now.mono_us;
  ++repair.comparisons;
  repair.differences.compare(digests, own, tick(now));
  ++stats.digests_compared;
  const bool vain = repair.differences.count() > 0 && repair.differences.steady().empty();
  repair.vain = vain ? std::min(repair.vain + 1, MemberRepair::kVainMax) : 0;
  if (repair.differences.count() == 0 || repair.vain >= MemberRepair::kVainAgreed) {
    repair.agreed_tick = tick(now);
    repair.agreed_us = now.mono_us;
  }
  if (repair.differences.count() > 0) ++stats.digests_differing;
  const bool it_lacks = !repair.differences.steady().empty() && worth_pulling(repair).empty();
  repair.it_lacks = it_lacks ? std::min(repair.it_lacks + 1, MemberRepair::kItLacksMax) : 0;
  if (repair.worth_a_hurry()) {
    next_digests_us = std::min(next_digests_us, now.mono_us + kDigestsSoonUs);
  }
  heal(now, member, out);
  plan_pulls(now);
}

std::vector<common::Tick> Cluster::Impl::worth_pulling(const MemberRepair& repair) const {
  std::vector<common::Tick> ticks = repair.differences.steady();
  std::erase_if(ticks, [&](common::Tick tick) {
    return vain.contains({tick, Difference::kAllBuckets, repair.differences.digest(tick)});
  });
  return ticks;
}

void Cluster::Impl::heal(Now now, Member& member, Outputs& out) {
  MemberRepair& repair = member.repair;
  std::vector<common::Tick> steady = worth_pulling(repair);
  if (swarms.nearly_full() || !may_pull_from(member, now.mono_us) || repair.cells_due_us != 0) return;
  // Where two nodes differ, the later of the two stamps was written after they last agreed; what is older
  // differs only because the record has moved from there.
  // Every other time the older ones are pulled all the same, lest one that always differs keeps them waiting.
  const auto recent = std::lower_bound(steady.begin(), steady.end(), repair.agreed_tick - kCompareFromAge);
  if (recent != steady.end() && recent != steady.begin()) {
    repair.recent_only = !repair.recent_only;
    if (repair.recent_only) steady.erase(steady.begin(), recent);
  }
  if (steady.size() > proto::kCellTicksMax) {
    std::vector<proto::PullPart> parts = parts_of_ticks(steady);
    std::vector<Difference> wanted;
    wanted.reserve(steady.size());
    for (const common::Tick one : steady)
      wanted.push_back({one, Difference::kAllBuckets, repair.differences.digest(one)});
    add_newest(tick(now), 0, parts);
    return begin_pull(now, member, std::move(parts), std::move(wanted), out);
  }
  if (!steady.empty()) return ask_cells(now, member, steady, true, out);
  if (repair.differences.unsteady().empty() || now.mono_us < repair.next_unsteady_us) return;
  repair.unsteady_once = !repair.unsteady_once;
  if (repair.unsteady_once) repair.take_turns();
  const int64_t after_us = repair.turns_left ? kUnsteadyNextUs : kUnsteadyEveryUs;
  repair.next_unsteady_us = now.mono_us + (repair.unsteady_once ? kDigestsSoonUs : after_us);
  ask_cells(now, member, repair.unsteady_turn, false, out);
}

void Cluster::Impl::ask_cells(Now now, Member& member, const std::vector<common::Tick>& ticks, bool steady,
                              Outputs& out) {
  MemberRepair& repair = member.repair;
  std::map<common::Tick, MemberRepair::TickCells> before = std::exchange(repair.cells, {});
  for (const common::Tick tick : ticks) {
    MemberRepair::TickCells& cells = repair.cells[tick];
    cells.steady = steady;
    cells.digest = repair.differences.digest(tick);
    cells.previous = std::move(before[tick].digests);
  }
  repair.cells_due_us = now.mono_us + kCellsWaitUs;
  send_control(member.address, proto::CellsAsk{ticks}, out);
}

void Cluster::Impl::apply_cells_ask(Now now, Member& member, const proto::CellsAsk& ask, Outputs& out) {
  if (!member.refused.empty() || now.mono_us - member.repair.told_cells_us < kAnswerEveryUs) {
    ++stats.dropped_repair;
    return;
  }
  member.repair.told_cells_us = now.mono_us;
  for (const common::Tick tick : ask.ticks) {
    const BucketDigests own = swarms.bucket_digests(common::stamp_of(tick));
    for (size_t first = 0; first < own.size(); first += kBucketsPerPacket) {
      proto::CellDigests cells{tick, static_cast<uint32_t>(first), {}};
      for (size_t bucket = first; bucket < std::min(first + kBucketsPerPacket, own.size()); ++bucket) {
        cells.digests.push_back(own[bucket] & proto::kDigestMask);
      }
      send_control(member.address, cells, out);
    }
  }
}

void Cluster::Impl::apply_cells(Now now, Member& member, const proto::CellDigests& told) {
  const auto found = member.repair.cells.find(told.tick);
  if (member.repair.cells_due_us == 0 || found == member.repair.cells.end()) return;
  MemberRepair::TickCells& cells = found->second;
  const BucketDigests own = swarms.bucket_digests(common::stamp_of(told.tick));
  for (size_t i = 0; i < told.digests.size(); ++i) {
    const auto bucket = static_cast<uint32_t>(told.first_bucket + i);
    const uint64_t digest = (told.digests[i] ^ own[bucket]) & proto::kDigestMask;
    if (digest != 0) cells.digests[bucket] = digest;
    cells.heard.set(bucket);
  }
  const bool all = std::all_of(member.repair.cells.begin(), member.repair.cells.end(),
                               [](const auto& entry) { return entry.second.heard.all(); });
  if (all) member.repair.cells_due_us = now.mono_us;
  pulls_deadline_us = std::min(pulls_deadline_us, member.repair.cells_due_us);
}

void Cluster::Impl::pull_cells(Now now, Member& member, Outputs& out) {
  MemberRepair& repair = member.repair;
  repair.cells_due_us = 0;
  if (swarms.nearly_full() || !may_pull_from(member, now.mono_us)) return;
  std::vector<proto::PullPart> parts;
  std::vector<Difference> wanted;
  size_t buckets = 0;
  // More than what is underway at a moment makes differ.
  const auto much = [](const auto& entry) { return entry.second.digests.size() > kCellsOfTickMax; };
  if (repair.cells.size() > 1 && std::all_of(repair.cells.begin(), repair.cells.end(), much)) {
    // It will be so in the other ticks.
    std::vector<common::Tick> all = repair.differences.unsteady();
    const std::vector<common::Tick> steady = worth_pulling(repair);
    all.insert(all.end(), steady.begin(), steady.end());
    for (const auto& [one, cells] : repair.cells) all.push_back(one);
    std::sort(all.begin(), all.end());
    all.erase(std::unique(all.begin(), all.end()), all.end());
    parts = parts_of_ticks(all);
    add_newest(tick(now), 0, parts);
    return begin_pull(now, member, std::move(parts), {}, out);
  }
  for (const auto& entry : repair.cells) {
    const auto& [tick, cells] = entry;
    proto::PullPart part{tick, 1, {}};
    for (const auto& [bucket, digest] : cells.digests) {
      const auto before = cells.previous.find(bucket);
      const bool lasting = much(entry) || (before != cells.previous.end() && before->second == digest);
      if ((!cells.steady && !lasting) || vain.contains({tick, bucket, digest})) continue;
      part.buckets.push_back(bucket);
      wanted.push_back({tick, bucket, digest});
    }
    if (cells.steady && cells.heard.all()) wanted.push_back({tick, Difference::kAllBuckets, cells.digest});
    if (part.buckets.empty()) continue;
    if (part.buckets.size() > kCellsOfTickMax || buckets + part.buckets.size() > proto::kPullBucketsMax) {
      part.buckets.clear();
    }
    buckets += part.buckets.size();
    parts.push_back(std::move(part));
  }
  if (parts.empty()) return vain.add(wanted);
  add_newest(tick(now), buckets, parts);
  begin_pull(now, member, std::move(parts), std::move(wanted), out);
}

}  // namespace shoal::sync
