#include "sync/repair.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <numeric>
#include <optional>
#include <utility>

namespace shoal::sync {

namespace {

// Digests are sent this often, and more often while something differs.
constexpr int64_t kAnnounceUs = 5'000'000;
constexpr int64_t kAnnounceSoonUs = 1'000'000;

// Two comparisons closer together than this see the same things in flight.
constexpr int64_t kComparisonsApartUs = 600'000;

// A member's requests are answered at most this often.
constexpr int64_t kAnswerEveryUs = 400'000;

constexpr int64_t kCellsWaitUs = 500'000;

// Digests that have been read are used for a millisecond more for each member above these: so the table is
// read at most so often, however many members send theirs.
constexpr size_t kFewMembers = 8;
constexpr int64_t kReadAgainUs = 1'000;

// Where something is always in flight, cells are compared only now and then, to see whether anything else is
// missing.
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

// Ticks with fewer records, together, are pulled without a sketch: it would save little.
constexpr double kSketchedMin = 1024;

// Of fewer records than so many for one that differs most are pulled anyway.
constexpr double kRecordsPerDifference = 8;

// Both sides of a difference notice it, and often only one lacks something. Of two nodes that with the
// greater id lets the other one pull first.
constexpr int64_t kAfterYouUs = 3'000'000;

// Comparisons with a member that alone of many differs from us are left to it: if it lacks something, it
// differs from everybody and acts first. If it alone has something, all will pull it, and not all at once.
constexpr uint32_t kTurnsLeft = 2;
constexpr size_t kTurnsSpread = 8;

// More records than this many sketches hold are pulled otherwise: it would take long.
constexpr double kSketchesMax = 8;

// Between two sketches so many times as long passes as making the last one took: members that say now this
// and now that differs get a third of the thread at most.
constexpr int64_t kRestAfterSearch = 2;

// How many records may differ where nothing but the ticks that do is known: those of one tick by chance, if
// they are scattered over all ticks. Where all differ anything is possible, and the answer tells.
double likely_differences(size_t ticks) {
  constexpr double kCompared = kCompareToAge - kCompareFromAge + 1;
  const double share = std::min(static_cast<double>(ticks) / kCompared, 0.95);
  return std::max(16.0, -kCompared * std::log1p(-share));
}

// What differs in the newest tick that is compared may well continue in those that are not compared yet: if
// it is little, in the same buckets, else in all. `buckets` is how many buckets all parts name.
void add_newest(common::Tick now, size_t buckets, std::vector<proto::PullPart>& parts) {
  const proto::PullPart& last = parts.back();
  const common::Tick next = last.first_tick + last.ticks;
  if (now - next > kCompareFromAge || parts.size() == proto::kPullPartsMax) return;
  proto::PullPart newest{next, static_cast<uint32_t>(now - next + 1 + common::kLocalAheadTicks), {}};
  if (last.buckets.size() <= kFewCells) newest.buckets = last.buckets;
  if (buckets + newest.buckets.size() <= proto::kPullBucketsMax) parts.push_back(std::move(newest));
}

}  // namespace

const StampDigests& Repair::own_digests(Now now) {
  const size_t members = members_.all().size();
  const int64_t kept_us = static_cast<int64_t>(members - std::min(members, kFewMembers)) * kReadAgainUs;
  if (now.mono_us - own_digests_us_ >= kept_us) {
    own_digests_ = swarms_.stamp_digests();
    own_digests_us_ = now.mono_us;
  }
  return own_digests_;
}

bool Repair::anyone_differs(int64_t now_us) const {
  if (swarms_.nearly_full()) return false;
  return std::any_of(members_.all().begin(), members_.all().end(), [&](const auto& entry) {
    const Member& member = entry.second;
    return member.repair->worth_a_hurry() && !member.refused() && member.liveness(now_us) == Liveness::alive;
  });
}

void Repair::announce(Now now, Outputs& out) {
  if (now.mono_us < announce_us_) return;
  if (swarms_.nearly_full()) vain_.clear();  // what is given up now may be wanted again
  const bool checking = *phase_ == SyncPhase::checking;
  const bool hurry = checking || anyone_differs(now.mono_us);
  const int64_t period_us = hurry ? kAnnounceSoonUs : kAnnounceUs;
  announce_us_ = now.mono_us + period_us * 9 / 10 + prng_.below(static_cast<uint32_t>(period_us / 5));
  if (!checking && *phase_ != SyncPhase::synced) return;
  if (!sender_.anyone_listening(now)) return;
  const bool ask = checking || ask_others_;
  ask_others_ = false;
  ++stats_.digests_sent;
  sender_.broadcast(
      now,
      make_digests(own_digests(now), clock_.tick(now), identity_.peer_timeout_s, ask, swarms_.nearly_full()),
      out);
}

void Repair::announce_soon(Now now) { announce_by(now.mono_us + kAnnounceSoonUs); }

int64_t Repair::cells_us() const {
  int64_t us = std::numeric_limits<int64_t>::max();
  for (const auto& [id, member] : members_.all()) {
    if (member.repair->cells_due_us != 0) us = std::min(us, member.repair->cells_due_us);
  }
  return us;
}

void Repair::trusted(Now now, Member& member) {
  member.repair.mine().vain = 0;
  // Web peers of its run were refused until now.
  vain_.clear();
  announce_soon(now);
  timer_.request_plan();
}

void Repair::restart(Now now) {
  for (auto& [id, member] : members_.all()) {
    MemberRepair& repair = member.repair.mine();
    repair.forget();
    repair.comparisons = 0;
    repair.compared_us = now.mono_us;  // digests in the receive buffer are outdated
  }
  search_.reset();
  own_digests_us_ = kLongAgoUs;
}

void Repair::pull_ended(Now now, const Pulls::Ended& ended) {
  if (Member* member = members_.find(ended.purpose.member); member != nullptr && ended.purpose.sketched) {
    uint32_t& failures = member->repair.mine().half_failures;
    if (ended.good && !ended.differing) {
      failures = 0;
    } else {
      failures += ended.turned_away ? 1 : 2;  // it may be busy
    }
  }
  if (Member* member = members_.find(ended.purpose.member); member != nullptr && ended.good) {
    if (ended.differing) {
      member->repair.mine().per_tick = std::max(1.0, static_cast<double>(*ended.differing)) /
                                       static_cast<double>(ended.purpose.differences.size());
      announce_soon(now);
      return;
    }
    member->repair.mine().turns_left_to_it.reset();
    if (ended.applied > 0) member->repair.mine().next_unsteady_us = MemberRepair::kNeverUs;
    // Where the same still differs, from this member or another one, it is the other that lacks it.
    if (!ended.purpose.everything && !swarms_.nearly_full()) {
      vain_.forget_before(clock_.tick(now) - kCompareToAge);
      vain_.add(ended.purpose.differences);
      if (ended.applied > 0 && !ended.purpose.differences.empty()) {
        const StampDigests own = swarms_.stamp_digests();
        std::vector<Difference> left;
        left.reserve(theirs_.size());
        for (const auto& [tick, theirs] : theirs_) {
          left.push_back(
              {tick, Difference::kAllBuckets, (theirs ^ own[common::stamp_of(tick)]) & proto::kDigestMask});
        }
        vain_.add(left);
      }
    }
  }
  if (ended.applied == 0) return;
  for (auto& [id, member] : members_.all()) member.repair.mine().forget();
  own_digests_us_ = kLongAgoUs;
  announce_soon(now);
  ask_others_ = true;
}

void Repair::receive(const Arrival& arrival, const proto::Digests& digests, Outputs& out) {
  const Now now = arrival.now;
  Member& member = arrival.member;
  if (digests.peer_timeout_s != identity_.peer_timeout_s || member.refused()) {
    ++dropped_refused_;
    return;
  }
  MemberRepair& repair = member.repair.mine();
  repair.partial = digests.partial;
  repair.has_everything = !digests.partial;
  if (*phase_ == SyncPhase::waiting || *phase_ == SyncPhase::bootstrapping) return;
  const bool answer = digests.ask && now.mono_us - repair.answered_us >= kAnswerEveryUs;
  const bool compare = now.mono_us - repair.compared_us >= kComparisonsApartUs;
  if (!answer && !compare) return;
  const common::Tick tick = clock_.tick(now);
  const StampDigests& own = own_digests(now);
  if (answer) {
    repair.answered_us = now.mono_us;
    sender_.send(member.address(),
                 make_digests(own, tick, identity_.peer_timeout_s, false, swarms_.nearly_full()), out);
  }
  if (!compare) return;
  repair.compared_us = now.mono_us;
  ++repair.comparisons;
  // What it gives up differs, and each time otherwise: a pull would bring all it has, again and again.
  if (digests.partial) return repair.forget();
  repair.differences.compare(digests, own, tick);
  ++stats_.digests_compared;
  const bool vain = repair.differences.count() > 0 && repair.differences.steady().empty();
  repair.vain = vain ? std::min(repair.vain + 1, MemberRepair::kVainMax) : 0;
  if (repair.differences.count() == 0 || repair.vain >= MemberRepair::kVainAgreed) {
    repair.agreed_tick = tick;
    repair.agreed_us = now.mono_us;
    repair.agree();
  }
  if (repair.differences.count() > 0) ++stats_.digests_differing;
  const bool it_lacks = !repair.differences.steady().empty() && !anything_worth_pulling(repair);
  repair.it_lacks = it_lacks ? std::min(repair.it_lacks + 1, MemberRepair::kItLacksMax) : 0;
  if (repair.worth_a_hurry()) announce_soon(now);
  heal(now, member, out);
  timer_.request_plan();
}

std::vector<common::Tick> Repair::worth_pulling(const MemberRepair& repair) const {
  std::vector<common::Tick> ticks = repair.differences.steady();
  std::erase_if(ticks, [&](common::Tick tick) {
    return vain_.contains({tick, Difference::kAllBuckets, repair.differences.digest(tick)});
  });
  return ticks;
}

bool Repair::anything_worth_pulling(const MemberRepair& repair) const {
  return repair.differences.any_steady([this](common::Tick tick, uint64_t digest) {
    return !vain_.contains({tick, Difference::kAllBuckets, digest});
  });
}

void Repair::heal(Now now, Member& member, Outputs& out) {
  MemberRepair& repair = member.repair.mine();
  std::vector<common::Tick> steady = worth_pulling(repair);
  if (swarms_.nearly_full() || !pulls_.may_pull_from(member, now.mono_us) || repair.cells_due_us != 0) return;
  // Where two nodes differ, the later of the two stamps was written after they last agreed; older ticks
  // differ only because the record has moved away from there. Every other time the older ones are pulled all
  // the same, so that a tick that always differs does not keep them waiting.
  const auto recent = std::lower_bound(steady.begin(), steady.end(), repair.agreed_tick - kCompareFromAge);
  if (recent != steady.end() && recent != steady.begin()) {
    repair.recent_only = !repair.recent_only;
    if (repair.recent_only) steady.erase(steady.begin(), recent);
  }
  // A member that does not hear us cannot be asked for cells.
  const bool deaf = member.misses_us(now.mono_us);
  if (deaf && steady.empty()) return;
  if (!steady.empty() && leave_it_to(member, now.mono_us)) return;
  if (!deaf && !steady.empty() && sketch(now, member, steady)) return;
  if (deaf || steady.size() > proto::kCellTicksMax) {
    std::vector<proto::PullPart> parts = parts_of_ticks(steady);
    std::vector<Difference> wanted;
    wanted.reserve(steady.size());
    for (const common::Tick one : steady) {
      wanted.push_back({one, Difference::kAllBuckets, repair.differences.digest(one)});
    }
    add_newest(clock_.tick(now), 0, parts);
    note_theirs(member, wanted);
    return pulls_.begin(now, member, std::move(parts), std::move(wanted), out);
  }
  if (!steady.empty()) return ask_cells(now, member, steady, true, out);
  if (repair.differences.unsteady().empty() || now.mono_us < repair.next_unsteady_us) return;
  repair.unsteady_once = !repair.unsteady_once;
  if (repair.unsteady_once) repair.next_turn();
  const int64_t after_us = repair.turns_left ? kUnsteadyNextUs : kUnsteadyEveryUs;
  repair.next_unsteady_us = now.mono_us + (repair.unsteady_once ? kAnnounceSoonUs : after_us);
  ask_cells(now, member, repair.unsteady_turn, false, out);
}

bool Repair::leave_it_to(Member& member, int64_t now_us) {
  size_t others = 0;
  size_t equal = 0;
  for (const auto& [id, other] : members_.all()) {
    if (id == member.id() || other.liveness(now_us) != Liveness::alive) continue;
    ++others;
    if (!anything_worth_pulling(*other.repair)) ++equal;
  }
  if (others < kFewMembers || equal * 2 <= others) return false;
  std::optional<uint32_t>& turns = member.repair.mine().turns_left_to_it;
  if (!turns)
    turns = kTurnsLeft + prng_.below(static_cast<uint32_t>(std::min(others / kFewMembers, kTurnsSpread)) + 1);
  if (*turns == 0) return false;
  --*turns;
  return true;
}

void Repair::note_theirs(const Member& member, const std::vector<Difference>& wanted) {
  theirs_.clear();
  for (const Difference& one : wanted) {
    const std::optional<uint64_t> theirs = member.repair->differences.theirs(one.tick);
    if (one.bucket == Difference::kAllBuckets && theirs) theirs_.emplace_back(one.tick, *theirs);
  }
}

bool Repair::sketch(Now now, Member& member, std::vector<common::Tick> ticks) {
  MemberRepair& repair = member.repair.mine();
  if (identity_.sketching == Sketching::never || !member.profile->sketches || repair.sketches_fail()) {
    return false;
  }
  const auto count = static_cast<double>(ticks.size());
  const double per_tick = repair.per_tick > 0 ? repair.per_tick : likely_differences(ticks.size()) / count;
  if (identity_.sketching == Sketching::usual) {
    const double records =
        static_cast<double>(swarms_.record_count()) / kCompareToAge * count;  // in these ticks
    const double differing = per_tick * count;
    if (records < kSketchedMin || differing * kRecordsPerDifference > records) return false;
    if (differing > kSketchesMax * proto::RecordSketch::kRecordsMax) return false;
  }
  if (repair.next_sketch_us == MemberRepair::kNeverUs) {
    const bool after_it = *phase_ == SyncPhase::synced && identity_.id > member.id();
    repair.next_sketch_us = now.mono_us + (after_it ? kAfterYouUs : 0);
  }
  if (search_ != nullptr || now.mono_us < std::max(repair.next_sketch_us, next_search_us_)) return true;
  // The newest ticks, as many as one sketch can hold.
  const double most = static_cast<double>(proto::RecordSketch::kRecordsMax) / per_tick;
  if (most < 1) return false;
  if (static_cast<double>(ticks.size()) > most)
    ticks.erase(ticks.begin(), ticks.end() - static_cast<ptrdiff_t>(most));
  std::vector<Difference> wanted;
  wanted.reserve(ticks.size());
  for (const common::Tick one : ticks) {
    wanted.push_back({one, Difference::kAllBuckets, repair.differences.digest(one)});
  }
  std::vector<proto::PullPart> parts = parts_of_ticks(ticks);
  const bool exact = std::accumulate(parts.begin(), parts.end(), size_t{0}, [](size_t sum, const auto& part) {
                       return sum + part.ticks;
                     }) == ticks.size();
  // Too scattered: better those that agree than those where something is always in flight.
  if (!exact) parts = parts_of_ticks(repair.differences.joined(ticks));
  Cells cells = cells_of_parts(parts, clock_.tick(now));
  const auto likely = static_cast<uint64_t>(std::ceil(per_tick * static_cast<double>(ticks.size())));
  search_ = std::make_unique<Search>(Search{
      member.id(), member.incarnation(), std::move(parts), std::move(wanted),
      SketchReader(std::move(cells), {prng_.next(), prng_.next()}, proto::RecordSketch::symbols_for(likely)),
      now.mono_us});
  timer_.request_plan();
  return true;
}

void Repair::advance_sketch(Now now, Outputs& out) {
  if (search_ == nullptr || !search_->reader.read_some(swarms_, clock_.tick(now))) return;
  const std::unique_ptr<Search> search = std::move(search_);
  next_search_us_ = now.mono_us + kRestAfterSearch * (now.mono_us - search->began_us);
  Member* member = members_.find(search->member);
  if (member == nullptr || member->incarnation() != search->incarnation ||
      !pulls_.may_pull_from(*member, now.mono_us)) {
    return;
  }
  note_theirs(*member, search->wanted);
  pulls_.begin_beyond(now, *member, search->reader.sketch(), std::move(search->parts),
                      std::move(search->wanted), out);
}

void Repair::ask_cells(Now now, Member& member, const std::vector<common::Tick>& ticks, bool steady,
                       Outputs& out) {
  MemberRepair& repair = member.repair.mine();
  std::map<common::Tick, MemberRepair::TickCells> before = std::exchange(repair.cells, {});
  for (const common::Tick tick : ticks) {
    MemberRepair::TickCells& cells = repair.cells[tick];
    cells.steady = steady;
    cells.digest = repair.differences.digest(tick);
    cells.previous = std::move(before[tick].digests);
  }
  repair.cells_due_us = now.mono_us + kCellsWaitUs;
  sender_.send(member.address(), proto::CellsAsk{ticks}, out);
}

void Repair::receive(const Arrival& arrival, const proto::CellsAsk& ask, Outputs& out) {
  Member& member = arrival.member;
  MemberRepair& repair = member.repair.mine();
  if (member.refused() || arrival.now.mono_us - repair.answered_cells_us < kAnswerEveryUs) {
    ++dropped_repair_;
    return;
  }
  repair.answered_cells_us = arrival.now.mono_us;
  for (const common::Tick tick : ask.ticks) {
    const BucketDigests own = swarms_.bucket_digests(common::stamp_of(tick));
    for (size_t first = 0; first < own.size(); first += kBucketsPerPacket) {
      proto::CellDigests cells{tick, static_cast<uint32_t>(first), {}};
      for (size_t bucket = first; bucket < std::min(first + kBucketsPerPacket, own.size()); ++bucket) {
        cells.digests.push_back(own[bucket] & proto::kDigestMask);
      }
      sender_.send(member.address(), cells, out);
    }
  }
}

void Repair::receive(const Arrival& arrival, const proto::CellDigests& digests, Outputs&) {
  MemberRepair& repair = arrival.member.repair.mine();
  const auto found = repair.cells.find(digests.tick);
  if (repair.cells_due_us == 0 || found == repair.cells.end()) return;
  MemberRepair::TickCells& cells = found->second;
  bool news = false;
  for (size_t i = 0; i < digests.digests.size(); ++i) news |= !cells.heard.test(digests.first_bucket + i);
  if (!news) return;
  const BucketDigests own = swarms_.bucket_digests(common::stamp_of(digests.tick));
  for (size_t i = 0; i < digests.digests.size(); ++i) {
    const auto bucket = static_cast<uint32_t>(digests.first_bucket + i);
    const uint64_t digest = (digests.digests[i] ^ own[bucket]) & proto::kDigestMask;
    if (digest != 0) cells.digests.set(bucket, digest);
    cells.heard.set(bucket);
  }
  const bool all = std::all_of(repair.cells.begin(), repair.cells.end(),
                               [](const auto& entry) { return entry.second.heard.all(); });
  if (all) repair.cells_due_us = arrival.now.mono_us;
  timer_.no_later_than(repair.cells_due_us);
}

void Repair::pull_due_cells(Now now, Outputs& out) {
  for (auto& [id, member] : members_.all()) {
    if (member.repair->cells_due_us != 0 && now.mono_us >= member.repair->cells_due_us) {
      pull_cells(now, member, out);
    }
  }
}

void Repair::pull_cells(Now now, Member& member, Outputs& out) {
  MemberRepair& repair = member.repair.mine();
  repair.cells_due_us = 0;
  if (swarms_.nearly_full() || !pulls_.may_pull_from(member, now.mono_us)) return;
  std::vector<proto::PullPart> parts;
  std::vector<Difference> wanted;
  size_t buckets = 0;
  // More than what is in flight at any moment.
  const auto much = [](const auto& entry) { return entry.second.digests.size() > kCellsOfTickMax; };
  if (repair.cells.size() > 1 && std::all_of(repair.cells.begin(), repair.cells.end(), much)) {
    // The other ticks will be no different.
    std::vector<common::Tick> all = repair.differences.unsteady();
    const std::vector<common::Tick> steady = worth_pulling(repair);
    all.insert(all.end(), steady.begin(), steady.end());
    for (const auto& [one, cells] : repair.cells) all.push_back(one);
    std::sort(all.begin(), all.end());
    all.erase(std::unique(all.begin(), all.end()), all.end());
    parts = parts_of_ticks(all);
    add_newest(clock_.tick(now), 0, parts);
    return pulls_.begin(now, member, std::move(parts), {}, out);
  }
  for (const auto& entry : repair.cells) {
    const auto& [tick, cells] = entry;
    proto::PullPart part{tick, 1, {}};
    for (const BucketDigestMap::Entry& differing : cells.digests) {
      const uint32_t bucket = differing.bucket();
      const uint64_t digest = differing.digest();
      const bool lasting = much(entry) || cells.previous.find(bucket) == digest;
      if ((!cells.steady && !lasting) || vain_.contains({tick, bucket, digest})) continue;
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
  if (parts.empty()) return vain_.add(wanted);
  add_newest(clock_.tick(now), buckets, parts);
  note_theirs(member, wanted);
  pulls_.begin(now, member, std::move(parts), std::move(wanted), out);
}

}  // namespace shoal::sync
