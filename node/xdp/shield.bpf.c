/* The shield: an XDP program in front of the tracker's UDP sockets. It does what UdpServer::look_up() does, in
 * that order, with what needs no swarm: it answers connects, and drops what the sockets would drop. Everything
 * else is passed, above all what it does not fully understand: then the kernel and the sockets decide as
 * without it. Dropping is safe whatever else is wrong with a packet (the kernel would at most drop it
 * earlier), answering is not: there the packet must be one that the kernel delivers.
 *
 * Checksums: a NIC's driver gives XDP the packet as it was sent, checked or not, so connects are checked here.
 * Between interfaces of one machine (veth, tap, virtio in generic mode) a sender leaves the UDP checksum
 * unfinished (CHECKSUM_PARTIAL: the sum of the pseudo header alone), which the kernel knows from the socket
 * buffer and XDP does not. shield_local is for such interfaces: it passes a connect whose checksum looks
 * unfinished. On others such a packet is a wrong one.
 *
 * Owner of the maps: Shield (shield.h). Must pass the verifier of Linux 6.1. */

#include <linux/bpf.h>
#include <linux/types.h>

#include <bpf/bpf_helpers.h>

#include "node/xdp/shield_layout.h"

#define ETHERNET_SIZE 14
#define TAG_SIZE 4
#define IPV4_SIZE 20
#define IPV6_SIZE 40
#define UDP_SIZE 8
#define CONNECT_SIZE 16
#define PADDING_MAX 16 /* of an answered frame: Ethernet pads to 60 bytes, more if a switch removed tags */
#define PROTOCOL_UDP 17
#define EPOCH_BITS 7
#define PREVIOUS_EPOCHS 6
#define RATE_TRIES 4

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "words are loaded as they lie"
#endif
#define NET16(x) ((uint16_t)__builtin_bswap16((uint16_t)(x)))
#define NET32(x) __builtin_bswap32(x)

#define MAGIC_HEAD NET32(0x00000417) /* connect's protocol id, 0x41727101980, as it lies */
#define MAGIC_TAIL NET32(0x27101980)

#define INLINE static __attribute__((always_inline)) inline
/* `x & mask` that stays in the program: after a change of byte order the compiler knows that the bits above are zero,
 * and the verifier of Linux 6.12 does not. */
#define BOUNDED(x, mask)                               \
  ({                                                   \
    uint64_t bounded_ = (x);                           \
    asm volatile("%0 &= %1" : "+r"(bounded_) : "i"(mask)); \
    bounded_;                                          \
  })
/* A function that the verifier looks at by itself, once, with any arguments: they are numbers, and it may not be
 * static. Without such it would follow all loops again for each way to get there. */
#define APART __attribute__((noinline))
/* Compiled once for frames with and without tags. */
#define ONCE static __attribute__((noinline))
#define READ_ONCE(x) (*(const volatile __typeof__(x) *)&(x))

struct shield_memory memory;

/* In memory.stale_requests. */
#define STALE_FLOOD_BEFORE 0x80000000u
#define STALE_REQUESTS 0x7fffffffu

struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, 1);
  __type(key, uint32_t);
  __type(value, struct shield_counts);
} counts SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(map_flags, BPF_F_MMAPABLE);
  __uint(max_entries, 2);
  __type(key, uint32_t);
  __type(value, struct shield_denied_v4);
} denied_v4 SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(map_flags, BPF_F_MMAPABLE);
  __uint(max_entries, 2);
  __type(key, uint32_t);
  __type(value, struct shield_denied_v6);
} denied_v6 SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __uint(max_entries, SHIELD_BANNED_MAX);
  __type(key, uint32_t);
  __type(value, uint64_t);
} banned_v4 SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __uint(max_entries, SHIELD_BANNED_MAX);
  __type(key, uint64_t);
  __type(value, uint64_t);
} banned_v6 SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, SHIELD_RATE_SETS);
  __type(key, uint32_t);
  __type(value, struct shield_rate_set);
} address_rates SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, SHIELD_RATE_SETS);
  __type(key, uint32_t);
  __type(value, struct shield_rate_set);
} prefix_rates SEC(".maps");

/* The headers as they lie; packed, for nothing in a frame is aligned. */
struct ethernet {
  uint16_t destination[3];
  uint16_t source[3];
  uint16_t protocol;
} __attribute__((packed));

struct tag {
  uint16_t id;
  uint16_t protocol;
} __attribute__((packed));

struct ipv4 {
  uint8_t version_and_size;
  uint8_t service;
  uint16_t size;
  uint16_t id;
  uint16_t fragment;
  uint8_t ttl;
  uint8_t protocol;
  uint16_t checksum;
  uint32_t source;
  uint32_t destination;
} __attribute__((packed));

struct ipv6 {
  uint32_t version_and_flow;
  uint16_t size; /* of what follows */
  uint8_t protocol;
  uint8_t hops;
  uint64_t source[2];
  uint64_t destination[2];
} __attribute__((packed));

struct udp {
  uint16_t source;
  uint16_t destination;
  uint16_t size;
  uint16_t checksum;
} __attribute__((packed));

struct request {
  uint32_t id_head; /* connection id, or the protocol id of a connect */
  uint32_t id_tail;
  uint32_t action;
  uint32_t transaction;
} __attribute__((packed));

struct connect_answer {
  uint32_t action;
  uint32_t transaction;
  uint32_t id_head;
  uint32_t id_tail;
} __attribute__((packed));

/* Who asks. */
struct client {
  uint64_t head; /* an IPv4 address, or the upper half of an IPv6 address */
  uint64_t tail;
  uint64_t is_v6;
};

struct decision {
  enum shield_decision what;
  int verdict;
};

/* ---- SipHash-2-4, proto/connection_id.h */

struct sip {
  uint64_t v0, v1, v2, v3;
};

INLINE uint64_t rotated(uint64_t x, int bits) { return x << bits | x >> (64 - bits); }

INLINE void sip_round(struct sip *s) {
  s->v0 += s->v1;
  s->v2 += s->v3;
  s->v1 = rotated(s->v1, 13) ^ s->v0;
  s->v3 = rotated(s->v3, 16) ^ s->v2;
  s->v0 = rotated(s->v0, 32);
  s->v2 += s->v1;
  s->v0 += s->v3;
  s->v1 = rotated(s->v1, 17) ^ s->v2;
  s->v3 = rotated(s->v3, 21) ^ s->v0;
  s->v2 = rotated(s->v2, 32);
}

INLINE void sip_take(struct sip *s, uint64_t word) {
  s->v3 ^= word;
  sip_round(s);
  sip_round(s);
  s->v0 ^= word;
}

/* Of a client and an epoch, made with one of the keys. */
APART uint64_t connection_id(uint32_t config, uint32_t key_index, const struct client *client, uint64_t epoch) {
  if (!client) return 0; /* never; the verifier asks */
  const uint64_t *key = memory.configs[config & (SHIELD_CONFIGS - 1)].keys[key_index & (SHIELD_KEYS_MAX - 1)];
  const uint64_t tail = __builtin_bswap64(epoch);
  struct sip s = {key[0] ^ 0x736f6d6570736575, key[1] ^ 0x646f72616e646f6d, key[0] ^ 0x6c7967656e657261,
                  key[1] ^ 0x7465646279746573};
  if (client->is_v6) {
    sip_take(&s, 6 | client->head << 8);
    sip_take(&s, client->head >> 56 | client->tail << 8);
    sip_take(&s, client->tail >> 56 | tail << 8);
    sip_take(&s, tail >> 56 | (uint64_t)25 << 56);
  } else {
    sip_take(&s, 4 | client->head << 8 | tail << 40);
    sip_take(&s, tail >> 24 | (uint64_t)13 << 56);
  }
  s.v2 ^= 0xff;
  sip_round(&s);
  sip_round(&s);
  sip_round(&s);
  sip_round(&s);
  return ((s.v0 ^ s.v1 ^ s.v2 ^ s.v3) & ~(uint64_t)EPOCH_BITS) | (epoch & EPOCH_BITS);
}

INLINE int is_good_id(uint32_t config, const struct client *client, uint64_t epoch, uint64_t id) {
  const uint64_t oldest = epoch - PREVIOUS_EPOCHS;
  const uint64_t of_id = oldest + ((id - oldest) & EPOCH_BITS);
#pragma clang loop unroll(disable)
  for (uint32_t i = 0; i < SHIELD_KEYS_MAX; ++i) {
    if (i >= memory.configs[config].key_count) break;
    if (connection_id(config, i, client, of_id) == id) return 1;
  }
  return 0;
}

/* ---- Denied and banned clients */

/* All ones if a <= b, else 0; without a branch, which would double the verifier's work at each step. */
INLINE uint64_t all_if_not_above(uint64_t a, uint64_t b) {
  return ~(uint64_t)((int64_t)((~b & a) | ((~b | a) & (b - a))) >> 63);
}

APART int is_denied_v4(uint64_t denied, uint32_t address) {
  const uint32_t set = SHIELD_DENIED_SET(denied);
  const struct shield_denied_v4 *in = bpf_map_lookup_elem(&denied_v4, &set);
  if (!in) return 0;
  const uint64_t host = NET32(address);
  const uint64_t upper = BOUNDED(host >> 16, 0xffff);
  uint64_t first = in->words[upper];
  uint64_t count = in->words[upper + 1] - first;
#pragma clang loop unroll(disable)
  for (int i = 0; i < 17; ++i) { /* at most 2^16 bounds have one upper half */
    if (count == 0) break;
    const uint64_t half = count >> 1;
    const uint64_t at_most = all_if_not_above(in->words[(first + half) & (SHIELD_V4_WORDS - 1)], host);
    first += at_most & (half + 1);
    count = (at_most & (count - half - 1)) | (~at_most & half);
  }
  return first & 1;
}

APART int is_denied_v6(uint64_t denied, uint64_t head, uint64_t tail) {
  const uint32_t set = SHIELD_DENIED_SET(denied);
  const struct shield_denied_v6 *in = bpf_map_lookup_elem(&denied_v6, &set);
  if (!in) return 0;
  head = __builtin_bswap64(head);
  tail = __builtin_bswap64(tail);
  uint64_t first = 0;
  uint64_t count = SHIELD_DENIED_V6(denied);
#pragma clang loop unroll(disable)
  for (int i = 0; i < 19; ++i) {
    if (count == 0) break;
    const uint64_t half = count >> 1;
    const struct shield_bound_v6 *bound = &in->bounds[(first + half) & (SHIELD_V6_BOUNDS_MAX - 1)];
    const uint64_t head_at_most = all_if_not_above(bound->head, head);
    const uint64_t head_at_least = all_if_not_above(head, bound->head);
    const uint64_t at_most = head_at_most & (~head_at_least | all_if_not_above(bound->tail, tail));
    first += at_most & (half + 1);
    count = (at_most & (count - half - 1)) | (~at_most & half);
  }
  return first & 1;
}

INLINE int is_denied(const struct client *client) {
  const uint64_t denied = READ_ONCE(memory.live.denied);
  if (client->is_v6) return SHIELD_DENIED_V6(denied) != 0 && is_denied_v6(denied, client->head, client->tail);
  return SHIELD_DENIED_V4(denied) && is_denied_v4(denied, (uint32_t)client->head);
}

INLINE int is_banned(const struct client *client) {
  const uint32_t v4 = (uint32_t)client->head;
  const uint64_t *until_ns = client->is_v6 ? bpf_map_lookup_elem(&banned_v6, &client->head)
                                           : bpf_map_lookup_elem(&banned_v4, &v4);
  return until_ns && bpf_ktime_get_coarse_ns() < *until_ns;
}

/* ---- Rates: node/limits/rate_table.h */

/* Microseconds of a clock that never goes back. It is 2 in a million fast, and saves a division. */
INLINE uint64_t now_us(void) {
  const uint64_t units = bpf_ktime_get_coarse_ns() >> 10;
  return units + (units * 1573 >> 16);
}

/* Prefixes as client_prefix.h's: an address or a /64; a /24 or a /48. */
INLINE uint64_t network_prefix(const struct client *client) {
  return client->head & (client->is_v6 ? 0xffffffffffff : 0xffffff);
}

/* Of no use to whoever does not know the secret, and costs a tenth of SipHash. */
INLINE uint64_t hash_of(const struct shield_config *config, uint64_t prefix, uint64_t is_v6) {
  uint64_t hash = (prefix + (is_v6 ? config->rate_secret[1] : 0)) * config->rate_secret[0];
  hash = (hash ^ hash >> 32) * config->rate_secret[1];
  return hash ^ hash >> 29;
}

#define TIME_MASK (((uint64_t)1 << 48) - 1)

INLINE int fits(uint64_t full_us, uint64_t cost_us, uint64_t now) {
  return full_us <= now || full_us - now + cost_us <= SHIELD_RATE_BURST_US;
}

/* RateTable::charge() or has_room(). Other CPUs may be faster: after some tries the request is let through,
 * and the sockets count it. */
APART int is_over_rate(uint32_t of_prefix, uint64_t hash, uint64_t cost_us, uint64_t now, uint32_t charge) {
  const uint32_t index = hash & (SHIELD_RATE_SETS - 1);
  const uint64_t tag = hash & ~TIME_MASK;
  struct shield_rate_set *set =
      of_prefix ? bpf_map_lookup_elem(&prefix_rates, &index) : bpf_map_lookup_elem(&address_rates, &index);
  if (!set) return 0;
#pragma clang loop unroll(disable)
  for (int attempt = 0; attempt < RATE_TRIES; ++attempt) {
    uint64_t found = 0;
    uint64_t fullest = ~(uint64_t)0;
    uint64_t at = SHIELD_RATE_WAYS;
    uint64_t at_fullest = 0;
#pragma clang loop unroll(disable)
    for (uint64_t i = 0; i < SHIELD_RATE_WAYS; ++i) {
      const uint64_t value = READ_ONCE(set->cells[i]);
      if ((value & ~TIME_MASK) == tag) {
        found = value;
        at = i;
        break;
      }
      if ((value & TIME_MASK) < (fullest & TIME_MASK)) {
        fullest = value;
        at_fullest = i;
      }
    }
    const int known = at < SHIELD_RATE_WAYS;
    const uint64_t full_us = known ? found & TIME_MASK : 0;
    if (!fits(full_us, cost_us, now)) return 1;
    if (!charge) return 0;
    const uint64_t next = tag | (((full_us > now ? full_us : now) + cost_us) & TIME_MASK);
    const uint64_t before = known ? found : fullest;
    uint64_t *cell = &set->cells[(known ? at : at_fullest) & (SHIELD_RATE_WAYS - 1)];
    if (__sync_val_compare_and_swap(cell, before, next) == before) return 0;
  }
  return 0;
}

/* Bans are made of them (node/bans/). */
APART int note_over_rate(uint64_t client, uint64_t hash) {
  if (client == 0) return 0;
  struct shield_over_rate *slot = &memory.over_rate[hash >> 16 & (SHIELD_OVER_RATE_SLOTS - 1)];
  uint64_t known = READ_ONCE(slot->client);
  if (known == 0) {
    known = __sync_val_compare_and_swap(&slot->client, 0, client);
    if (known == 0) known = client;
  }
  if (known == client) __sync_fetch_and_add(&slot->requests, 1);
  return 0;
}

/* 0, SHIELD_DROPPED_RATE_ADDRESS or SHIELD_DROPPED_RATE_PREFIX, as RequestLimiter: a request without a good
 * connection id is not charged, for anybody may have sent it. */
INLINE enum shield_decision over_rate(const struct shield_config *config, const struct client *client,
                                      int charge) {
  const uint32_t address_cost_us = config->address_cost_us;
  const uint32_t prefix_cost_us = config->prefix_cost_us;
  if (address_cost_us == 0 && prefix_cost_us == 0) return 0;
  const uint64_t now = now_us();
  const uint64_t hash = hash_of(config, client->head, client->is_v6);
  if (address_cost_us != 0 && is_over_rate(0, hash, address_cost_us, now, charge)) {
    if (charge) note_over_rate(shield_client_key(client->head, client->is_v6), hash);
    return SHIELD_DROPPED_RATE_ADDRESS;
  }
  if (prefix_cost_us != 0 &&
      is_over_rate(1, hash_of(config, network_prefix(client), client->is_v6), prefix_cost_us, now, charge)) {
    return SHIELD_DROPPED_RATE_PREFIX;
  }
  return 0;
}

/* ---- Bad connection ids: node/limits/stale_id_answers.h */

/* The count of `second` in a word that holds a second and a count. */
INLINE uint32_t count_of_second(uint64_t *word, uint64_t second) {
  const uint64_t value = READ_ONCE(*word);
  if (value >> 32 == second) return (uint32_t)value;
  __sync_val_compare_and_swap(word, value, second << 32); /* who comes second finds it done */
  return 0;
}

APART int may_pass_stale_id(uint32_t workers, uint64_t hash) {
  const uint64_t second = READ_ONCE(memory.live.unix_s) & 0xffffffff;
  const uint32_t flood = workers * SHIELD_STALE_FLOOD_PER_S;
  uint64_t requests = READ_ONCE(memory.stale_requests);
  if (requests >> 32 != second) {
    const int flooded = (requests >> 32) + 1 == second && (requests & STALE_REQUESTS) > flood;
    const uint64_t next = second << 32 | (flooded ? STALE_FLOOD_BEFORE : 0);
    __sync_val_compare_and_swap(&memory.stale_requests, requests, next);
    requests = READ_ONCE(memory.stale_requests);
  }
  if ((requests & STALE_REQUESTS) > flood) return 0; /* a flood is only read */
  requests = __sync_fetch_and_add(&memory.stale_requests, 1) + 1;
  if ((requests & STALE_REQUESTS) > flood || requests & STALE_FLOOD_BEFORE) return 0;
  if (count_of_second(&memory.stale_passed, second) >= workers * SHIELD_STALE_PER_S) return 0;
  uint64_t *network = &memory.stale_networks[hash >> 32 & (SHIELD_STALE_NETWORKS - 1)];
  if (count_of_second(network, second) >= workers * SHIELD_STALE_PER_NETWORK_PER_S) return 0;
  __sync_fetch_and_add(network, 1);
  __sync_fetch_and_add(&memory.stale_passed, 1);
  return 1;
}

/* ---- Checksums (RFC 1071), over words as they lie */

INLINE uint16_t folded(uint64_t sum) {
  sum = (sum & 0xffffffff) + (sum >> 32);
  sum = (sum & 0xffffffff) + (sum >> 32);
  sum = (sum & 0xffff) + (sum >> 16);
  sum = (sum & 0xffff) + (sum >> 16);
  return (uint16_t)sum;
}

INLINE uint64_t sum_of_halves(uint64_t word) { return (word & 0xffffffff) + (word >> 32); }

/* What source and destination contribute to the pseudo header, which an answer does not change. */
INLINE uint64_t sum_of_request(const struct request *request) {
  return (uint64_t)request->id_head + request->id_tail + request->action + request->transaction;
}

/* ---- What is done with a datagram for us. `config` is complete. */

INLINE struct decision decided(enum shield_decision what, int verdict) {
  const struct decision decision = {what, verdict};
  return decision;
}

/* The connect is to be answered if the kernel would deliver it: the caller checks that. */
#define ANSWER decided(SHIELD_CONNECT_ANSWERED, XDP_TX)

INLINE struct decision judge(uint32_t at, const struct client *client, const struct udp *udp, uint32_t size,
                             const void *end) {
  const struct shield_config *config = &memory.configs[at];
  const struct request *request = (const void *)(udp + 1);
  if (size < CONNECT_SIZE) return decided(SHIELD_DROPPED_TOO_SHORT, XDP_DROP);
  if ((const void *)(request + 1) > end) return decided(SHIELD_PASSED_ODD, XDP_PASS);
  const uint32_t action = NET32(request->action);
  if (action > 2) return decided(SHIELD_DROPPED_UNKNOWN_ACTION, XDP_DROP);
  const int connect = action == 0;
  if (connect && (request->id_head != MAGIC_HEAD || request->id_tail != MAGIC_TAIL)) {
    return decided(SHIELD_DROPPED_WRONG_MAGIC, XDP_DROP);
  }
  if (udp->source == 0) return decided(SHIELD_DROPPED_SOURCE_PORT, XDP_DROP);
  if (is_denied(client)) return decided(SHIELD_DROPPED_NETWORK, XDP_DROP);
  if (READ_ONCE(memory.live.banned) && is_banned(client)) return decided(SHIELD_DROPPED_BANNED, XDP_DROP);
  const uint64_t unix_s = READ_ONCE(memory.live.unix_s);
  if (unix_s == 0 || config->key_count == 0 || (!connect && !config->checks_ids)) {
    return decided(connect ? SHIELD_PASSED_CONNECT : SHIELD_PASSED_REQUEST, XDP_PASS);
  }
  if (!connect) {
    const uint64_t id = (uint64_t)NET32(request->id_head) << 32 | NET32(request->id_tail);
    if (!is_good_id(at, client, unix_s >> 6, id)) {
      const uint64_t hash = hash_of(config, network_prefix(client), client->is_v6);
      return may_pass_stale_id(config->workers, hash) ? decided(SHIELD_PASSED_STALE_ID, XDP_PASS)
                                                      : decided(SHIELD_DROPPED_CONNECTION_ID, XDP_DROP);
    }
  }
  const enum shield_decision limit = over_rate(config, client, !connect);
  if (limit != 0) return decided(limit, XDP_DROP);
  if (!connect) return decided(SHIELD_PASSED_REQUEST, XDP_PASS);
  /* What follows the 16 bytes is ignored, but is in the checksum: such connects are left to the sockets. */
  if (!config->answers_connects || size != CONNECT_SIZE) return decided(SHIELD_PASSED_CONNECT, XDP_PASS);
  return ANSWER;
}

/* Turns the frame of a connect, from Ethernet to UDP's payload, into that of its answer, but for IP. */
INLINE void write_answer(uint32_t at, const struct client *client, struct ethernet *ethernet, struct udp *udp,
                         uint64_t addresses) {
  struct request *request = (void *)(udp + 1);
  const uint64_t id = connection_id(at, 0, client, READ_ONCE(memory.live.unix_s) >> 6);
  const struct connect_answer answer = {0, request->transaction, NET32((uint32_t)(id >> 32)),
                                        NET32((uint32_t)id)};
  const uint16_t port = udp->source;
  udp->source = udp->destination;
  udp->destination = port;
  const uint64_t sum = addresses + NET16(PROTOCOL_UDP) + 2 * (uint64_t)udp->size + udp->source +
                       udp->destination + answer.transaction + answer.id_head + answer.id_tail;
  const uint16_t checksum = ~folded(sum);
  udp->checksum = checksum == 0 ? 0xffff : checksum;
  *(struct connect_answer *)request = answer;
#pragma clang loop unroll(full)
  for (int i = 0; i < 3; ++i) {
    const uint16_t half = ethernet->source[i];
    ethernet->source[i] = ethernet->destination[i];
    ethernet->destination[i] = half;
  }
}

/* Whether a connect's UDP checksum is right, and what becomes of it if not. `addresses`: their sum. */
INLINE struct decision check_sum(const struct udp *udp, uint64_t addresses, int local) {
  const struct request *request = (const void *)(udp + 1);
  const uint64_t pseudo = addresses + NET16(PROTOCOL_UDP) + udp->size;
  const uint64_t all = pseudo + udp->source + udp->destination + udp->size + udp->checksum + sum_of_request(request);
  if (folded(all) == 0xffff) return ANSWER;
  if (local && folded(pseudo) == udp->checksum) return decided(SHIELD_PASSED_CONNECT, XDP_PASS);
  return decided(SHIELD_DROPPED_CHECKSUM, XDP_DROP);
}

INLINE int is_for_our_hardware(const struct shield_config *config, const struct ethernet *ethernet) {
  const uint64_t address = ethernet->destination[0] | (uint64_t)ethernet->destination[1] << 16 |
                           (uint64_t)ethernet->destination[2] << 32;
#pragma clang loop unroll(disable)
  for (uint32_t i = 0; i < SHIELD_INTERFACES_MAX; ++i) {
    if (i >= config->hardware_count) break;
    if (config->hardware[i] == address) return 1;
  }
  return 0;
}

INLINE int is_v4(const struct shield_config *config, uint32_t address, uint16_t port, uint16_t use) {
  const uint32_t slot = shield_slot_v4(config->address_factor, address, port) & (SHIELD_ADDRESS_SLOTS - 1);
  const struct shield_address_v4 *known = &config->v4[slot];
  return known->address == address && known->port == port && known->use == use;
}

INLINE int is_v6(const struct shield_config *config, const uint64_t *address, uint16_t port, uint16_t use) {
  const uint32_t slot = shield_slot_v6(config->address_factor, address, port) & (SHIELD_ADDRESS_SLOTS - 1);
  const struct shield_address_v6 *known = &config->v6[slot];
  return known->address[0] == address[0] && known->address[1] == address[1] && known->port == port &&
         known->use == use;
}

INLINE int count(int family, struct decision decision, uint32_t size) {
  const uint32_t zero = 0;
  struct shield_counts *all = bpf_map_lookup_elem(&counts, &zero);
  const uint32_t what = decision.what;
  if (all && what < SHIELD_DECISIONS) {
    ++all->packets[family][what];
    if (decision.verdict != XDP_PASS && what != SHIELD_DROPPED_CHECKSUM) all->bytes[family] += size;
  }
  return decision.verdict;
}

/* Whether the source may be a client's, as far as can be told here. The kernel refuses the others, or knows
 * what to do with them. */
INLINE int is_client_v4(const struct shield_config *config, uint32_t address) {
  const uint8_t first = address & 0xff;
  return first != 0 && first != 127 && first < 224 && !is_v4(config, address, 0, SHIELD_NO_CLIENT);
}

/* Not ::, ::1, embedded IPv4, link-local, multicast. */
INLINE int is_client_v6(const struct shield_config *config, const struct client *client) {
  const uint64_t address[2] = {client->head, client->tail};
  const uint8_t first = address[0] & 0xff;
  return first != 0 && first < 0xfe && !is_v6(config, address, 0, SHIELD_NO_CLIENT);
}

ONCE int handle_v4(uint32_t at, struct ethernet *ethernet, struct ipv4 *ip, const void *end, int local) {
  at &= SHIELD_CONFIGS - 1;
  const struct shield_config *config = &memory.configs[at];
  struct udp *udp = (void *)(ip + 1);
  if ((const void *)(udp + 1) > end) return XDP_PASS;
  if (ip->protocol != PROTOCOL_UDP || ip->version_and_size != 0x45 || (ip->fragment & ~NET16(0x4000)) != 0) {
    return XDP_PASS;
  }
  const struct client client = {.head = ip->source};
  if (!is_v4(config, ip->destination, udp->destination, SHIELD_TARGET)) return XDP_PASS;
  const uint32_t udp_size = NET16(udp->size);
  const uint32_t ip_size = NET16(ip->size);
  const uint64_t have = (const char *)end - (const char *)ip;
  if (ip_size != IPV4_SIZE + udp_size || udp_size < UDP_SIZE || ip_size > have ||
      !is_for_our_hardware(config, ethernet)) {
    return count(SHIELD_V4, decided(SHIELD_PASSED_ODD, XDP_PASS), 0);
  }
  const uint32_t size = udp_size - UDP_SIZE;
  struct decision decision = judge(at, &client, udp, size, end);
  if (decision.what == SHIELD_CONNECT_ANSWERED) {
    if (have > ip_size + PADDING_MAX || ethernet->source[0] & 1 || !is_client_v4(config, ip->source)) {
      decision = decided(SHIELD_PASSED_CONNECT, XDP_PASS);
    } else if ((const void *)((struct request *)(udp + 1) + 1) > end) {
      decision = decided(SHIELD_PASSED_ODD, XDP_PASS); /* never; the verifier asks */
    } else {
      const uint64_t addresses = (uint64_t)ip->source + ip->destination;
      const uint32_t *words = (const void *)ip;
      const uint64_t header = (uint64_t)words[0] + words[1] + words[2] + addresses;
      if (folded(header) != 0xffff) {
        decision = decided(SHIELD_DROPPED_CHECKSUM, XDP_DROP);
      } else if (udp->checksum != 0) { /* 0: the sender made none */
        decision = check_sum(udp, addresses, local);
      }
      if (decision.what == SHIELD_CONNECT_ANSWERED) {
        write_answer(at, &client, ethernet, udp, addresses);
        const uint32_t destination = ip->destination;
        ip->service = 0;
        ip->id = 0;
        ip->fragment = NET16(0x4000); /* never a fragment, so it needs no id */
        ip->ttl = (uint8_t)config->ttl_v4;
        ip->checksum = 0;
        ip->checksum = ~folded((uint64_t)words[0] + words[1] + words[2] + addresses);
        ip->destination = ip->source;
        ip->source = destination;
      }
    }
  }
  return count(SHIELD_V4, decision, size);
}

ONCE int handle_v6(uint32_t at, struct ethernet *ethernet, struct ipv6 *ip, const void *end, int local) {
  at &= SHIELD_CONFIGS - 1;
  const struct shield_config *config = &memory.configs[at];
  struct udp *udp = (void *)(ip + 1);
  if ((const void *)(udp + 1) > end) return XDP_PASS;
  if (ip->protocol != PROTOCOL_UDP || (ip->version_and_flow & 0xf0) != 0x60) return XDP_PASS;
  const struct client client = {.head = ip->source[0], .tail = ip->source[1], .is_v6 = 1};
  const uint64_t destination[2] = {ip->destination[0], ip->destination[1]};
  if (!is_v6(config, destination, udp->destination, SHIELD_TARGET)) return XDP_PASS;
  const uint32_t udp_size = NET16(udp->size);
  const uint64_t have = (const char *)end - (const char *)ip;
  if (NET16(ip->size) != udp_size || udp_size < UDP_SIZE || IPV6_SIZE + udp_size > have ||
      !is_for_our_hardware(config, ethernet)) {
    return count(SHIELD_V6, decided(SHIELD_PASSED_ODD, XDP_PASS), 0);
  }
  const uint32_t size = udp_size - UDP_SIZE;
  struct decision decision = judge(at, &client, udp, size, end);
  if (decision.what == SHIELD_CONNECT_ANSWERED) {
    if (have > IPV6_SIZE + udp_size + PADDING_MAX || ethernet->source[0] & 1 ||
        !is_client_v6(config, &client)) {
      decision = decided(SHIELD_PASSED_CONNECT, XDP_PASS);
    } else if ((const void *)((struct request *)(udp + 1) + 1) > end) {
      decision = decided(SHIELD_PASSED_ODD, XDP_PASS); /* never; the verifier asks */
    } else {
      const uint64_t addresses = sum_of_halves(client.head) + sum_of_halves(client.tail) +
                                 sum_of_halves(destination[0]) + sum_of_halves(destination[1]);
      /* IPv6 has no datagrams without a checksum. */
      decision = udp->checksum == 0 ? decided(SHIELD_DROPPED_CHECKSUM, XDP_DROP)
                                    : check_sum(udp, addresses, local);
      if (decision.what == SHIELD_CONNECT_ANSWERED) {
        write_answer(at, &client, ethernet, udp, addresses);
        ip->version_and_flow = 0x60;
        ip->hops = (uint8_t)config->hops_v6;
        ip->destination[0] = client.head;
        ip->destination[1] = client.tail;
        ip->source[0] = destination[0];
        ip->source[1] = destination[1];
      }
    }
  }
  return count(SHIELD_V6, decision, size);
}

/* Not 0, a priority alone: the kernel answers without it. */
INLINE int is_our_vlan(const struct shield_config *config, uint16_t id) {
  const uint64_t vlan = BOUNDED(NET16(id), 0xfff);
  return config->vlans[vlan >> 6] >> (vlan & 63) & 1;
}

INLINE int handle(struct xdp_md *context, int local) {
  struct ethernet *ethernet = (void *)(long)context->data;
  const void *end = (void *)(long)context->data_end;
  void *at = ethernet + 1;
  if (at > end) return XDP_PASS;
  const uint32_t config = READ_ONCE(memory.live.config) & (SHIELD_CONFIGS - 1);
  uint16_t protocol = ethernet->protocol;
  int tags = 0;
#pragma clang loop unroll(full)
  for (int i = 0; i < 2; ++i) {
    if (protocol != NET16(0x8100) && protocol != NET16(0x88a8)) break;
    const struct tag *tag = at;
    at = (void *)(tag + 1);
    if (at > end || !is_our_vlan(&memory.configs[config], tag->id)) return XDP_PASS;
    protocol = tag->protocol;
    ++tags;
  }
  int verdict = XDP_PASS;
  if (protocol == NET16(0x0800)) {
    struct ipv4 *ip = at;
    if ((void *)(ip + 1) <= end) verdict = handle_v4(config, ethernet, ip, end, local);
  } else if (protocol == NET16(0x86dd)) {
    struct ipv6 *ip = at;
    if ((void *)(ip + 1) <= end) verdict = handle_v6(config, ethernet, ip, end, local);
  }
  if (verdict == XDP_TX) {
    /* An answer has no priority. */
    struct tag *tag = (void *)(ethernet + 1);
#pragma clang loop unroll(full)
    for (int i = 0; i < 2; ++i, ++tag) {
      if (i < tags && (void *)(tag + 1) <= end) tag->id &= NET16(0x0fff);
    }
  }
  return verdict;
}

SEC("xdp")
int shield(struct xdp_md *context) { return handle(context, 0); }

SEC("xdp")
int shield_local(struct xdp_md *context) { return handle(context, 1); }

char shield_license[] SEC("license") = "Dual MIT/GPL";
