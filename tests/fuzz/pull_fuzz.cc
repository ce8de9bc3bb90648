// The streams of a pull, as anybody on the way could send them. An answer says the same however it is cut
// into pieces, what is kept meanwhile is bounded by one frame, and its good beginning arrives whole. A
// request is complete at one size. A donor answers what a member sealed, once, with the records that it asked
// for.
//
// A fuzzer cannot seal, so the input is a script. Its first byte chooses the side.

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "common/check.h"
#include "common/prng.h"
#include "common/web_address.h"
#include "proto/record_sketch.h"
#include "sync/cluster.h"
#include "sync/differences.h"
#include "sync/pull.h"
#include "tests/fuzz/heap.h"
#include "tests/unit/support/pull_seal.h"
#include "tests/unit/support/small_swarms.h"
#include "tests/unit/support/sync_peer.h"

using namespace shoal;
using test::seal_of;

namespace {

constexpr int64_t kUnixMs = 1'800'000'000'000;
constexpr int64_t kTickMs = 15'000;
constexpr common::Tick kTick = kUnixMs / kTickMs;
constexpr uint64_t kRun = uint64_t{kUnixMs} << 16;
constexpr size_t kLengthSize = 4;
constexpr size_t kWireFrameMax =
    kLengthSize + sync::kSealedFrameHead + proto::kPullFrameMax + proto::kSyncTagSize;

proto::Delta record_of(uint32_t number) {
  common::Prng prng(number);
  proto::Delta record;
  record.info_hash.bytes.fill(static_cast<uint8_t>(number % 40 * 6));
  if (number % 7 == 0) {
    record.peer = common::to_endpoint({kRun + 1, number});
  } else if (number % 3 == 0) {
    record.peer = {common::Family::v6, {0x20, 0x01, 0x0d, 0xb8}, 6881};
    record.peer.address[15] = static_cast<uint8_t>(number);
    record.peer.address[14] = static_cast<uint8_t>(number >> 8);
  } else {
    record.peer =
        common::make_endpoint_v4(0xcb007100 + number, static_cast<uint16_t>(1 + prng.below(65'535)));
  }
  record.state.role = static_cast<proto::PeerRole>(prng.below(3));
  record.stamp = common::stamp_of(kTick - prng.below(150));
  return record;
}

std::vector<uint8_t> frame_of(uint32_t first, size_t records, uint16_t done, bool last) {
  proto::PullFrameWriter writer;
  for (uint32_t i = 0; i < records; ++i) {
    std::vector<uint8_t> block;
    const proto::Delta record = record_of(first + i);
    proto::append_record_block(i, {&record, 1}, block);
    if (!writer.fits(block.size())) break;
    writer.add(block);
  }
  return writer.finish(kTick, done, last);
}

// As many records as fit.
const std::vector<uint8_t>& full_frame(bool last) {
  static const std::vector<uint8_t> more = frame_of(0, 3000, 500, false);
  static const std::vector<uint8_t> end = frame_of(0, 3000, 1000, true);
  return last ? end : more;
}

// An answer, and the frames at its front that are as they should be.
class Answer {
 public:
  static constexpr size_t kBytesMax = kWireFrameMax;

  explicit Answer(common::ByteReader& script) {
    while (script.ok() && script.remaining() > 0 && bytes_.size() < kBytesMax) add(script);
  }
  const std::vector<uint8_t>& bytes() const { return bytes_; }
  const std::vector<proto::PullFrame>& good() const { return good_; }

 private:
  void add(common::ByteReader& script) {
    const uint8_t step = script.u8();
    switch (step % 8) {
      case 0:
      case 1:
        return seal(frame_of(step, step >> 4, script.u8(), step >= 224), 1);
      case 2:
        return seal(full_frame(step >= 224), 1);
      case 3:
        return seal(taken(script), 1);
      case 4: {
        const common::ByteSpan raw = taken(script);
        bytes_.insert(bytes_.end(), raw.begin(), raw.end());
        intact_ = intact_ && raw.empty();
        return;
      }
      case 5: {
        const size_t size = kWireFrameMax - kLengthSize + script.u8() - 128;
        for (int shift = 24; shift >= 0; shift -= 8) bytes_.push_back(static_cast<uint8_t>(size >> shift));
        intact_ = false;
        return;
      }
      case 6:
        if (step >= 128) return seal(frame_of(step, 1, 0, false), 2);  // of another answer
        index_ += 1 + (step >> 3);
        gap_ = true;
        return;
      default:
        if (last_ == last_end_) return;
        bytes_[last_ + script.u16() % (last_end_ - last_)] ^= static_cast<uint8_t>(1 + (step >> 3));
        // What was good of the last frame is not any more. It is altered once: twice may be not at all.
        if (last_good_) good_.pop_back();
        last_good_ = intact_ = false;
        last_ = last_end_;
    }
  }
  void seal(common::ByteSpan plain, uint8_t request) {
    const size_t size = sync::kSealedFrameHead + plain.size() + proto::kSyncTagSize;
    last_ = bytes_.size();
    bytes_.resize(last_ + kLengthSize);
    common::ByteWriter(std::span<uint8_t>(bytes_).subspan(last_)).u32(static_cast<uint32_t>(size));
    sync::seal_frame(seal_of(request), ++sequence_, index_++, plain, bytes_);
    last_end_ = bytes_.size();
    auto decoded = proto::decode_pull_frame(plain);
    last_good_ = intact_ && !gap_ && request == 1 && decoded;
    intact_ = last_good_ && !decoded->last;
    if (last_good_) good_.push_back(std::move(*decoded));
  }
  static common::ByteSpan taken(common::ByteReader& script) {
    const size_t size = script.u8();
    return script.take(std::min(size, script.remaining()));
  }

  std::vector<uint8_t> bytes_;
  std::vector<proto::PullFrame> good_;
  bool intact_ = true;
  bool gap_ = false;
  bool last_good_ = false;
  size_t last_ = 0;  // where the last frame begins, and ends
  size_t last_end_ = 0;
  uint32_t index_ = 0;
  uint64_t sequence_ = 0;
};

// What a pull makes of an answer.
struct Outcome {
  std::vector<proto::PullFrame> frames;
  std::vector<size_t> ends;  // of the frames in the stream
  size_t taken = 0;          // bytes, until it was found to be damaged
  bool damaged = false;
  bool answered = false;
  bool complete = false;
  uint32_t percent = 0;
  int64_t deadline_us = 0;
  bool operator==(const Outcome&) const = default;
};

template <class NextPiece>
Outcome outcome_of(common::ByteSpan bytes, NextPiece next_piece) {
  Outcome outcome;
  sync::Pull pull({.number = 1, .member = 11, .member_name = "donor"}, seal_of(1), 0);
  size_t arrived = 0;
  while (!outcome.damaged && arrived < bytes.size()) {
    // In memory of its own, so that a read beyond is seen.
    const size_t size = std::min<size_t>(next_piece(), bytes.size() - arrived);
    const std::vector<uint8_t> piece(bytes.begin() + static_cast<ptrdiff_t>(arrived),
                                     bytes.begin() + static_cast<ptrdiff_t>(arrived + size));
    common::ByteSpan rest(piece);
    proto::PullFrame frame;
    sync::Pull::Came came;
    do {
      came = pull.feed(rest, frame, 1'000'000);
      outcome.taken = arrived + size - rest.size();
      if (came != sync::Pull::Came::frame) continue;
      outcome.frames.push_back(std::move(frame));
      outcome.ends.push_back(outcome.taken);
    } while (came == sync::Pull::Came::frame);
    outcome.damaged = came == sync::Pull::Came::damaged;
    arrived += size;
    // What it holds back is less than a frame.
    CHECK_INVARIANT(outcome.damaged || rest.empty());
    const size_t begun = outcome.ends.empty() ? 0 : outcome.ends.back();
    CHECK_INVARIANT(outcome.taken - begun <= kWireFrameMax);
  }
  outcome.answered = pull.answered();
  outcome.complete = pull.complete();
  outcome.percent = pull.percent();
  outcome.deadline_us = pull.deadline_us();
  return outcome;
}

// A pull alone, whose frames are thrown away.
void check_memory(common::ByteSpan bytes) {
  sync::Pull pull({.number = 1, .member = 11}, seal_of(1), 0);
  const size_t before = fuzz::allocated_bytes();
  for (size_t at = 0; at < bytes.size(); at += 50'000) {
    common::ByteSpan piece = bytes.subspan(at, std::min<size_t>(50'000, bytes.size() - at));
    sync::Pull::Came came = sync::Pull::Came::frame;
    while (came == sync::Pull::Came::frame) {
      proto::PullFrame frame;
      came = pull.feed(piece, frame, 0);
    }
    CHECK_INVARIANT(fuzz::allocated_bytes() <= before + 3 * kWireFrameMax);
    if (came == sync::Pull::Came::damaged) return;
  }
}

// What follows the frames is found to be wrong as soon as it can be.
void check_rest(common::ByteSpan bytes, const Outcome& whole) {
  const size_t begun = whole.ends.empty() ? 0 : whole.ends.back();
  if (whole.complete || bytes.size() < begun + kLengthSize) {
    CHECK_INVARIANT(whole.damaged == (whole.complete && bytes.size() > begun));
    return;
  }
  const size_t size = kLengthSize + common::ByteReader(bytes.subspan(begun)).u32();
  const bool too_long = size > kWireFrameMax;
  CHECK_INVARIANT(whole.damaged == (too_long || bytes.size() - begun >= size));
  if (whole.damaged) CHECK_INVARIANT(whole.taken == begun + (too_long ? kLengthSize : size));
}

void check_answer(common::ByteReader script) {
  const uint8_t seed = script.u8();
  const Answer answer(script);
  const common::ByteSpan bytes(answer.bytes());
  const Outcome whole = outcome_of(bytes, [&] { return bytes.size(); });
  CHECK_INVARIANT(whole.frames == answer.good());
  CHECK_INVARIANT(whole.answered == !bytes.empty());
  CHECK_INVARIANT(whole.complete == (!whole.frames.empty() && whole.frames.back().last));
  CHECK_INVARIANT(whole.damaged || whole.taken == bytes.size());
  check_rest(bytes, whole);
  const size_t small = bytes.size() <= 8192 ? 1 : 1021;
  CHECK_INVARIANT(outcome_of(bytes, [&] { return small; }) == whole);
  common::Prng prng(seed);
  const auto largest = static_cast<uint32_t>(2 + bytes.size() / (1 + seed % 16));
  CHECK_INVARIANT(outcome_of(bytes, [&] { return size_t{prng.below(largest)}; }) == whole);
  check_memory(bytes);
}

// A request that arrives byte by byte.
void check_request(common::ByteSpan bytes) {
  bool over = false;  // it is complete, or is none
  for (size_t size = 0; size <= std::min<size_t>(bytes.size(), 300); ++size) {
    const std::vector<uint8_t> come(bytes.begin(), bytes.begin() + static_cast<ptrdiff_t>(size));
    const auto missing = sync::pull_request_missing(come);
    CHECK_INVARIANT(!over || !missing);
    if (size < 2) {
      CHECK_INVARIANT(missing == std::optional<size_t>(2 - size));
      continue;
    }
    const size_t whole = 2 + static_cast<size_t>(bytes[0] << 8 | bytes[1]);
    const size_t magic = std::min(size - 2, proto::kSyncMagic.size());
    const bool begins_right = std::equal(bytes.begin() + 2, bytes.begin() + 2 + static_cast<ptrdiff_t>(magic),
                                         proto::kSyncMagic.begin());
    const bool good = whole > 2 + proto::kSyncHeaderSize + proto::kSyncTagSize && size <= whole &&
                      (begins_right || whole <= 2 + proto::kSyncDatagramMax);
    CHECK_INVARIANT(missing.has_value() == good);
    CHECK_INVARIANT(!missing || size + *missing == whole);
    CHECK_INVARIANT(!missing || size + *missing <= sync::kPullRequestMax);
    over = !missing || *missing == 0;
  }
}

// A donor with some records and one member.
class Donor {
 public:
  Donor() { CHECK_INVARIANT(member_.meet(cluster_, now(), out_)); }

  void answer(common::ByteReader& script) {
    const uint8_t kind = script.u8();
    proto::PullRequest request;
    request.donor = sync::node_id("fuzz", "donor");
    request.incarnation = kRun;
    request.web = (kind & 1) != 0;
    for (size_t parts = kind >> 1 & 3; parts > 0; --parts) {
      proto::PullPart& part = request.parts.emplace_back();
      part.first_tick = kTick - script.u8();
      part.ticks = 1 + script.u8();
      for (size_t buckets = script.u8() % 4; buckets > 0; --buckets) {
        const uint32_t next = part.buckets.empty() ? 0 : part.buckets.back() + 1;
        part.buckets.push_back(std::min<uint32_t>(next + 4 * script.u8(), proto::kDigestBuckets - 1));
      }
      std::sort(part.buckets.begin(), part.buckets.end());
      part.buckets.erase(std::unique(part.buckets.begin(), part.buckets.end()), part.buckets.end());
    }
    const sync::Cells cells =
        request.parts.empty() ? sync::Cells::everything() : sync::cells_of_parts(request.parts, kTick);
    std::vector<proto::Delta> wanted;
    for (const proto::Delta& record : swarms().records(cells, kTick)) {
      if (request.web || !test::SmallSwarms::is_web(record)) wanted.push_back(record);
    }
    const bool sketched = (kind & 8) != 0;
    if (sketched) {
      request.salt = {script.u8(), 2};
      proto::RecordSketch sketch(request.salt, 1 + size_t{script.u8()} * 8);
      const uint8_t every = script.u8();
      std::vector<proto::Delta> lacking;
      for (size_t i = 0; i < wanted.size(); ++i) {
        if (i % (size_t{every} + 1) == 0) {
          lacking.push_back(wanted[i]);
        } else {
          sketch.add(sketch.id(wanted[i]));
        }
      }
      // The sketch of the donor has web peers too.
      for (const proto::Delta& record : swarms().records(cells, kTick)) {
        if (!request.web && test::SmallSwarms::is_web(record)) sketch.add(sketch.id(record));
      }
      wanted = std::move(lacking);
      request.sketch = sketch.bytes();
      if ((kind & 16) != 0) {
        for (size_t i = script.u8(); i < request.sketch.size() && script.remaining() > 0; i += 9) {
          request.sketch[i] ^= script.u8();
        }
      }
    }
    const std::vector<uint8_t> body = proto::encode_sync_packet(request);
    if (body.size() > proto::kSyncRequestBodyMax || !proto::decode_sync_packet(body)) return;
    const sync::SealedPacket packet = member_.sealer.seal(proto::SyncStream::requests, body);
    std::vector<uint8_t> framed = {static_cast<uint8_t>(packet->size() >> 8),
                                   static_cast<uint8_t>(packet->size())};
    framed.insert(framed.end(), packet->begin(), packet->end());
    CHECK_INVARIANT(sync::pull_request_missing(framed) == std::optional<size_t>(0));
    if ((kind & 32) != 0) {
      std::vector<uint8_t> altered = framed;
      altered[script.u16() % altered.size()] ^= static_cast<uint8_t>(1 + script.u8() % 255);
      CHECK_INVARIANT(cluster_.accept_pull(now(), altered) == nullptr);
    }
    const std::unique_ptr<sync::Donation> donation = cluster_.accept_pull(now(), framed);
    CHECK_INVARIANT(donation != nullptr);
    CHECK_INVARIANT(cluster_.accept_pull(now(), framed) == nullptr);
    receive(*donation, {member_.keys.sealing(), sync::nonce_of(*packet), request.donor, kRun}, sketched,
            (kind & 16) != 0, wanted);
  }

 private:
  static constexpr uint32_t kRecords = 700;

  // Nothing is merged into it, so it is the same for all inputs.
  static test::SmallSwarms& swarms() {
    static test::SmallSwarms made = [] {
      std::vector<proto::Delta> records;
      for (uint32_t i = 0; i < kRecords; ++i) records.push_back(record_of(i));
      test::SmallSwarms filled;
      filled.merge(records, kTick);
      return filled;
    }();
    return made;
  }
  static sync::Config config() {
    sync::Config out;
    out.name = "donor";
    out.cluster = "fuzz";
    out.insecure = true;
    out.incarnation = kRun;
    return out;
  }
  sync::Now now() const { return {now_us_, kUnixMs + now_us_ / 1000}; }

  void receive(sync::Donation& donation, sync::PullSeal seal, bool sketched, bool lied,
               std::vector<proto::Delta> wanted) {
    sync::Pull pull({.number = 1, .member = seal.donor, .sketched = sketched}, seal, now_us_);
    std::vector<proto::Delta> got;
    bool too_small = false;
    for (size_t calls = 0;; ++calls) {
      CHECK_INVARIANT(calls < 1000);
      std::vector<uint8_t> piece;
      const sync::Donation::Next next = donation.next(now(), piece);
      CHECK_INVARIANT(piece.size() <= sync::Donation::kPieceMax);
      common::ByteSpan rest(piece);
      proto::PullFrame frame;
      sync::Pull::Came came;
      while ((came = pull.feed(rest, frame, now_us_)) == sync::Pull::Came::frame) {
        too_small = too_small || frame.differing.has_value();
        for (const proto::RecordBlock& block : frame.blocks) {
          got.insert(got.end(), block.records.begin(), block.records.end());
        }
      }
      CHECK_INVARIANT(came == sync::Pull::Came::nothing_yet);
      if (next.done) break;
      now_us_ = std::max(now_us_, next.again_us);
    }
    CHECK_INVARIANT(pull.complete() && (sketched || !too_small));
    CHECK_INVARIANT(!too_small || got.empty());
    if (too_small || lied) return;
    const auto key = [](const proto::Delta& a, const proto::Delta& b) {
      return std::tie(a.info_hash, a.peer) < std::tie(b.info_hash, b.peer);
    };
    std::sort(got.begin(), got.end(), key);
    std::sort(wanted.begin(), wanted.end(), key);
    CHECK_INVARIANT(got == wanted);
  }

  int64_t now_us_ = 1'000'000;
  sync::Cluster cluster_{config(), swarms(), now()};
  sync::Outputs out_;
  test::SyncPeer member_{
      {sync::insecure_key("fuzz")}, "fuzz", "other", kRun, common::make_endpoint_v4(0x7f000001, 6970)};
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  common::ByteReader script({data, std::min<size_t>(size, 4096)});
  switch (script.u8() % 3) {
    case 0:
      check_answer(script);
      break;
    case 1:
      check_request(script.rest());
      break;
    default:
      Donor donor;
      while (script.ok() && script.remaining() > 0) donor.answer(script);
  }
  return 0;
}
