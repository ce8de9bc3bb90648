// Any bytes as Accept-Encoding: the coding chosen is always one that the client names, explicitly or by '*',
// and blanks around the list change nothing.

#include <algorithm>
#include <string>
#include <string_view>

#include "common/check.h"
#include "proto/accept_encoding.h"

using namespace shoal::proto;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string value(reinterpret_cast<const char*>(data), size);
  const ContentCoding coding = choose_coding(value);
  CHECK_INVARIANT(choose_coding("\t" + value + " ") == coding);
  CHECK_INVARIANT(choose_coding(value + ",unknown;q=1") == coding);
  std::transform(value.begin(), value.end(), value.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c; });
  CHECK_INVARIANT(choose_coding(value) == coding);
  if (coding != ContentCoding::identity) {
    CHECK_INVARIANT(value.find(to_string(coding)) != std::string::npos ||
                    value.find('*') != std::string::npos);
  }
  return 0;
}
