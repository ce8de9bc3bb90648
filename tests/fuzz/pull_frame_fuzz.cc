// Pull frames that a key holder could make: what decodes is valid, and encodes to something that decodes to
// the same.

#include <cstdint>

#include "common/check.h"
#include "proto/pull_frame.h"

using namespace shoal;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto frame = proto::decode_pull_frame({data, size});
  if (!frame) return 0;
  proto::PullFrameWriter writer;
  for (const proto::RecordBlock& block : frame->blocks) {
    CHECK_INVARIANT(!block.records.empty() && block.records.size() <= proto::kRecordBlockMax);
    for (const proto::Delta& record : block.records) CHECK_INVARIANT(record.peer.port != 0);
    std::vector<uint8_t> bytes;
    proto::append_record_block(block.completed, block.records, bytes);
    CHECK_INVARIANT(writer.fits(bytes.size()));
    writer.add(bytes);
  }
  const auto again = proto::decode_pull_frame(writer.finish(frame->tick, frame->done, frame->last));
  CHECK_INVARIANT(again.has_value() && *again == *frame);
  return 0;
}
