// A message between web peers, as it comes from another node: what is taken is what we would have written,
// and makes JSON.

#include <algorithm>
#include <string>

#include "common/check.h"
#include "proto/json_reader.h"
#include "proto/web_relay.h"
#include "proto/web_tracker_json.h"

using namespace shoal::proto;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const shoal::common::ByteSpan bytes(data, size);
  const auto relay = parse_web_relay(bytes);
  CHECK_INVARIANT(!relay || connection_of_relay(bytes) == relay->to);
  if (!relay) return 0;
  const auto again = write_web_relay(*relay);
  CHECK_INVARIANT(std::equal(again.begin(), again.end(), bytes.begin(), bytes.end()));
  std::string text;
  append_web_signal(text, *relay);
  JsonReader json(text);
  json.skip();
  CHECK_INVARIANT(json.finish());
  return 0;
}
