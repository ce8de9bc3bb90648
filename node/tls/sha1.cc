#include "node/tls/sha1.h"

#include <openssl/evp.h>

#include "common/check.h"

namespace shoal::node {

std::array<uint8_t, 20> sha1(common::ByteSpan bytes) {
  std::array<uint8_t, 20> digest;
  unsigned size = 0;
  CHECK_INVARIANT(EVP_Digest(bytes.data(), bytes.size(), digest.data(), &size, EVP_sha1(), nullptr) == 1 &&
                  size == digest.size());
  return digest;
}

}  // namespace shoal::node
