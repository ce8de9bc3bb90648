#include "sync/pulls.h"

#include <algorithm>
#include <cstdlib>
#include <utility>

namespace shoal::sync {

namespace {

using common::LogLevel;

// After a pull that failed or was refused, that member is not asked for this long; after one that brought
// nothing new, for longer each time.
constexpr int64_t kAfterFailureUs = 2'000'000;
constexpr int64_t kAfterFruitlessUs = 2'000'000;
constexpr uint32_t kFruitlessDoublings = 5;

constexpr uint32_t kFailedMax = 1000;

}  // namespace

bool Pulls::may_pull_from(const Member& member, int64_t now_us) const {
  // One that takes us for our last run would refuse.
  const bool free = pull_ == nullptr || (pull_->purpose().detour && !pull_->answered());
  return free && !departure_.left() && !member.refused() && !member.profile->names_other_run &&
         member.liveness(now_us) == Liveness::alive &&
         (member.profile->synced || member.repair->has_everything) && now_us >= member.pulls->next_us;
}

void Pulls::begin(Now now, Member& member, std::vector<proto::PullPart> parts,
                  std::vector<Difference> differences, Outputs& out) {
  Pull::Purpose purpose{.member = member.id(),
                        .member_name = member.display_name(),
                        .everything = parts.empty(),
                        .differences = std::move(differences)};
  start(now, member, std::move(purpose), {.parts = std::move(parts)}, out);
}

void Pulls::begin_beyond(Now now, Member& member, const proto::RecordSketch& sketch,
                         std::vector<proto::PullPart> parts, std::vector<Difference> differences,
                         Outputs& out) {
  Pull::Purpose purpose{.member = member.id(),
                        .member_name = member.display_name(),
                        .sketched = true,
                        .differences = std::move(differences)};
  ++stats_.sketches_sent;
  start(now, member, std::move(purpose),
        {.parts = std::move(parts), .sketch = sketch.bytes(), .salt = sketch.salt()}, out);
}

void Pulls::detour(Now now, Member& member, proto::PullPart part, Outputs& out) {
  Pull::Purpose purpose{.member = member.id(), .member_name = member.display_name(), .detour = true};
  start(now, member, std::move(purpose), {.parts = {std::move(part)}}, out);
}

void Pulls::start(Now now, Member& member, Pull::Purpose purpose, proto::PullRequest request, Outputs& out) {
  abort(out);
  const bool everything = purpose.everything;
  purpose.number = ++number_;
  request.donor = member.id();
  request.incarnation = member.incarnation();
  request.web = true;
  const SealedPacket packet = sender_.seal(proto::SyncStream::requests, proto::encode_sync_packet(request));
  auto framed = std::make_shared<std::vector<uint8_t>>();
  framed->reserve(2 + packet->size());
  framed->push_back(static_cast<uint8_t>(packet->size() >> 8));
  framed->push_back(static_cast<uint8_t>(packet->size()));
  framed->insert(framed->end(), packet->begin(), packet->end());
  ++stats_.pulls_started;
  pull_ = std::make_unique<Pull>(
      std::move(purpose), PullSeal{keys_.sealing(), nonce_of(*packet), member.id(), member.incarnation()},
      now.mono_us);
  stats_.pull_request_bytes += framed->size();
  records_ = applied_ = 0;
  differing_.reset();
  out.pulls.push_back({number_, member.address(), std::move(framed)});
  if (everything) {
    out.logs.push_back({LogLevel::info, "pulling everything", {{"from", member.display_name()}}});
  }
  timer_.request_plan();
}

std::optional<Pulls::Ended> Pulls::received(Now now, uint64_t number, common::ByteSpan bytes, Outputs& out) {
  if (pull_ == nullptr || pull_->purpose().number != number) return std::nullopt;
  stats_.pulled_bytes += bytes.size();
  proto::PullFrame frame;
  for (;;) {
    const Pull::Came came = pull_->feed(bytes, frame, now.mono_us);
    if (came == Pull::Came::nothing_yet) break;
    if (Member* donor = members_.find(pull_->purpose().member); donor && came == Pull::Came::frame) {
      donor->answered(now.mono_us);
    }
    if (came == Pull::Came::damaged || !merge(now, frame)) {
      out.pull_aborts.push_back(number);
      return end(now, Result::failed,
                 came == Pull::Came::damaged ? "a frame is damaged" : "its clock differs from ours", out);
    }
  }
  timer_.request_plan();
  return std::nullopt;
}

bool Pulls::merge(Now now, const proto::PullFrame& frame) {
  const common::Tick present = clock_.tick(now);
  if (std::abs(frame.tick - present) > kTicksApartMax) return false;
  if (frame.differing && !pull_->purpose().sketched) return false;
  differing_ = frame.differing;
  for (const proto::RecordBlock& block : frame.blocks) {
    records_ += block.records.size();
    // The completed count includes records that a pull of some cells does not bring: they would be counted
    // again when they arrive.
    applied_ += pull_->purpose().everything
                    ? swarms_.merge_part({block.info_hash, block.completed, block.records}, present)
                    : swarms_.merge(block.records, present);
  }
  return true;
}

std::optional<Pulls::Ended> Pulls::closed(Now now, uint64_t number, const std::string& trouble,
                                          Outputs& out) {
  if (pull_ == nullptr || pull_->purpose().number != number) return std::nullopt;
  if (pull_->complete()) return end(now, Result::good, "", out);
  if (!trouble.empty()) return end(now, Result::unconnected, trouble, out);
  if (pull_->answered()) return end(now, Result::failed, "the connection broke", out);
  return end(now, Result::refused, "", out);
}

std::optional<Pulls::Ended> Pulls::expire(Now now, Outputs& out) {
  if (pull_ == nullptr || now.mono_us < pull_->deadline_us()) return std::nullopt;
  out.pull_aborts.push_back(pull_->purpose().number);
  return end(now, Result::failed,
             pull_->too_slow() ? "the donor is too slow" : "the donor has been silent for too long", out);
}

void Pulls::abort(Outputs& out) {
  if (pull_ == nullptr) return;
  out.pull_aborts.push_back(pull_->purpose().number);
  pull_.reset();
}

Pulls::Ended Pulls::end(Now now, Result result, const std::string& reason, Outputs& out) {
  const std::unique_ptr<Pull> pull = std::move(pull_);
  const bool good = result == Result::good;
  Ended ended{pull->purpose(), good,     pull->answered(), result == Result::refused,
              records_,        applied_, differing_};
  stats_.pulled_records += records_;
  stats_.pulled_applied += applied_;
  if (good && differing_) ++stats_.sketches_too_small;
  ++(good                            ? stats_.pulls_finished
     : result == Result::refused     ? stats_.pulls_refused
     : result == Result::unconnected ? stats_.pulls_unconnected
                                     : stats_.pulls_failed);
  timer_.request_plan();
  if (Member* member = members_.find(ended.purpose.member)) {
    MemberPulls& state = member->pulls.mine();
    state.failed = good ? 0 : std::min(state.failed + 1, kFailedMax);
    // One from which nothing else comes either is down: that is told.
    if (result == Result::unconnected && !member->silent(now.mono_us)) {
      state.trouble = reason;
      complaints_.log(now, Complaint::unconnected,
                      "member " + member->display_name() +
                          " cannot be pulled from: TCP to its sync.listen fails: " + reason,
                      member->address(), out);
    } else {
      state.trouble.clear();
    }
    if (ended.purpose.detour) return ended;
    if (!good) {
      state.next_us = now.mono_us + kAfterFailureUs + prng_.below(kAfterFailureUs / 2);
    } else if (applied_ > 0) {
      state.fruitless = 0;
    } else if (!ended.purpose.everything && ended.purpose.differences.empty()) {
      // Differences that are known are remembered as vain, and not pulled for again anyway.
      state.next_us = now.mono_us + (kAfterFruitlessUs << state.fruitless);
      state.fruitless = std::min(state.fruitless + 1, kFruitlessDoublings);
    }
  }
  if (result == Result::failed) {
    complaints_.note(
        now, {LogLevel::warn, "a pull failed", {{"from", ended.purpose.member_name}, {"reason", reason}}},
        out);
  }
  return ended;
}

}  // namespace shoal::sync
