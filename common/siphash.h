// SipHash-2-4 (Aumasson and Bernstein, 2012): a keyed 64-bit hash an attacker without the key cannot aim.
// Our own, inline: on the hot path messages are short and of a fixed size, and libsodium needs twice as long
// for them. The unit test has the reference vectors.

#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <cstring>

#include "common/bytes.h"

namespace shoal::common {

using SipKey = std::array<uint8_t, 16>;

namespace siphash_detail {

static_assert(std::endian::native == std::endian::little, "words are loaded as they lie");

struct State {
  uint64_t v0;
  uint64_t v1;
  uint64_t v2;
  uint64_t v3;

  State(uint64_t k0, uint64_t k1)
      : v0(k0 ^ 0x736f6d6570736575),
        v1(k1 ^ 0x646f72616e646f6d),
        v2(k0 ^ 0x6c7967656e657261),
        v3(k1 ^ 0x7465646279746573) {}

  void round() {
    v0 += v1;
    v2 += v3;
    v1 = std::rotl(v1, 13) ^ v0;
    v3 = std::rotl(v3, 16) ^ v2;
    v0 = std::rotl(v0, 32);
    v2 += v1;
    v0 += v3;
    v1 = std::rotl(v1, 17) ^ v2;
    v3 = std::rotl(v3, 21) ^ v0;
    v2 = std::rotl(v2, 32);
  }
  void take(uint64_t word) {
    v3 ^= word;
    round();
    round();
    v0 ^= word;
  }
  uint64_t end() {
    v2 ^= 0xff;
    for (int i = 0; i < 4; ++i) round();
    return v0 ^ v1 ^ v2 ^ v3;
  }
};

inline uint64_t load_word(const uint8_t* from, size_t size) {
  uint64_t word = 0;
  if (size != 0) std::memcpy(&word, from, size);  // an empty span may have no bytes at all
  return word;
}

}  // namespace siphash_detail

// Of a message of 8 * words.size() + rest_size bytes, rest_size below 8, that is already in registers: read
// as little-endian numbers, `rest` with zeros above its bytes. A message assembled in memory from small
// pieces would have to wait until all of them are written.
template <size_t N>
[[gnu::always_inline]] inline uint64_t siphash_of_words(const SipKey& key,
                                                        const std::array<uint64_t, N>& words, uint64_t rest,
                                                        size_t rest_size) {
  using siphash_detail::load_word;
  siphash_detail::State state(load_word(key.data(), 8), load_word(key.data() + 8, 8));
  for (const uint64_t word : words) state.take(word);
  state.take(rest | static_cast<uint64_t>(8 * N + rest_size) << 56);
  return state.end();
}

// Same result on every machine for the same key and bytes. Any thread. Inlined always, so that it is compiled
// for the size of the message where that is fixed: it is a seventh of all instructions of an announce.
[[gnu::always_inline]] inline uint64_t siphash(const SipKey& key, ByteSpan bytes) {
  using siphash_detail::load_word;
  siphash_detail::State state(load_word(key.data(), 8), load_word(key.data() + 8, 8));
  size_t at = 0;
#pragma GCC unroll 3
  for (; at + 8 <= bytes.size(); at += 8) state.take(load_word(bytes.data() + at, 8));
  state.take(load_word(bytes.data() + at, bytes.size() - at) | static_cast<uint64_t>(bytes.size()) << 56);
  return state.end();
}

}  // namespace shoal::common
