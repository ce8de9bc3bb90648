/* What the shield's program (C, for the kernel) and its owner (C++) share: decisions and the bytes of maps.
 * Plain C. Numbers are in host order but for addresses, ports and what is said to be in network order. */

#ifndef SHOAL_NODE_XDP_SHIELD_LAYOUT_H
#define SHOAL_NODE_XDP_SHIELD_LAYOUT_H

#ifdef __cplusplus
#include <cstdint>
#else
#include <linux/types.h>
typedef __u8 uint8_t;
typedef __u16 uint16_t;
typedef __u32 uint32_t;
typedef __s32 int32_t;
typedef __u64 uint64_t;
typedef __s64 int64_t;
#endif

/* What was done with a datagram for one of our addresses and ports. Each is counted once, under one of these.
 * What is for others, or cannot be told to be for us (fragments, IP options), is passed and not counted. */
enum shield_decision {
  SHIELD_CONNECT_ANSWERED,
  /* To the sockets: */
  SHIELD_PASSED_REQUEST,  /* an announce or scrape with a good connection id */
  SHIELD_PASSED_STALE_ID, /* a bad connection id, within the rate that the sockets answer with an error */
  SHIELD_PASSED_CONNECT,  /* while connects are not answered here, or one that only the kernel can judge */
  SHIELD_PASSED_ODD,      /* lengths that do not agree, long padding: the kernel judges */
  /* In silence, as the sockets do or the kernel does before them: */
  SHIELD_DROPPED_TOO_SHORT,
  SHIELD_DROPPED_UNKNOWN_ACTION,
  SHIELD_DROPPED_WRONG_MAGIC,
  SHIELD_DROPPED_CHECKSUM, /* a connect with a wrong IP or UDP checksum */
  SHIELD_DROPPED_SOURCE_PORT,
  SHIELD_DROPPED_NETWORK,
  SHIELD_DROPPED_BANNED,
  SHIELD_DROPPED_CONNECTION_ID,
  SHIELD_DROPPED_RATE_ADDRESS,
  SHIELD_DROPPED_RATE_PREFIX,
  SHIELD_DECISIONS
};

enum { SHIELD_V4, SHIELD_V6, SHIELD_FAMILIES };

/* One value per CPU. */
struct shield_counts {
  uint64_t packets[SHIELD_FAMILIES][SHIELD_DECISIONS];
  uint64_t bytes[SHIELD_FAMILIES]; /* of UDP payload, of what was answered or dropped */
};

#define SHIELD_KEYS_MAX 8        /* connection keys; sockets check further ones */
#define SHIELD_INTERFACES_MAX 16 /* whose hardware addresses are ours */
#define SHIELD_ADDRESSES_MAX 128 /* of each family */
#define SHIELD_ADDRESS_BITS 12   /* slots for them, as a power of two: a place without collisions is found */
#define SHIELD_ADDRESS_SLOTS (1 << SHIELD_ADDRESS_BITS)

/* What an address is. */
#define SHIELD_TARGET 1    /* requests to this address and port are for us */
#define SHIELD_NO_CLIENT 2 /* nobody's source: our own address, or a broadcast address. The port is 0 */

struct shield_address_v4 {
  uint32_t address; /* network order */
  uint16_t port;    /* network order */
  uint16_t use;     /* 0: the slot is free */
};

struct shield_address_v6 {
  uint64_t address[2]; /* network order */
  uint16_t port;
  uint16_t use;
  uint32_t unused;
};

/* All that changes together. The owner writes one of SHIELD_CONFIGS that nobody reads, and then its index. */
#define SHIELD_CONFIGS 4
struct shield_config {
  uint64_t keys[SHIELD_KEYS_MAX][2]; /* SipHash keys, as little-endian words; the first makes ids */
  uint32_t key_count;
  uint32_t answers_connects;
  uint32_t address_cost_us; /* 1,000,000 / limits.requests_per_s_per_address; 0: no limit */
  uint32_t prefix_cost_us;  /* the same of ..._per_prefix */
  uint32_t workers;         /* how many answer bad connection ids */
  uint32_t hardware_count;
  uint64_t hardware[SHIELD_INTERFACES_MAX]; /* addresses of interfaces: six bytes as they lie, two zeros */
  uint64_t address_factor;                  /* slot of an address: see shield_slot() */
  uint32_t ttl_v4;
  uint32_t hops_v6;
  struct shield_address_v4 v4[SHIELD_ADDRESS_SLOTS];
  struct shield_address_v6 v6[SHIELD_ADDRESS_SLOTS];
};

/* The slot of an address and port; `factor` is odd, and chosen so that no two that are used share one. */
static inline uint32_t shield_slot_v4(uint64_t factor, uint32_t address, uint16_t port) {
  return (uint32_t)((((uint64_t)port << 32 | address) * factor) >> (64 - SHIELD_ADDRESS_BITS));
}
static inline uint32_t shield_slot_v6(uint64_t factor, uint64_t head, uint64_t tail, uint16_t port) {
  const uint64_t mixed = (head ^ (uint64_t)port << 48) * factor;
  return (uint32_t)(((mixed ^ mixed >> 32 ^ tail) * factor) >> (64 - SHIELD_ADDRESS_BITS));
}

/* Denied networks: where ranges begin and end, in turn, ascending; an address is denied if an odd number of
 * bounds are at most it. Two sets of each; the owner fills the one that is not in use. */
#define SHIELD_DENIED_V4_BITS 20 /* 2^20 bounds: 524,288 ranges, 4 MiB, the largest value of a map */
#define SHIELD_DENIED_V6_BITS 18 /* 2^18 bounds: 131,072 ranges, 4 MiB */
struct shield_bound_v6 {
  uint64_t head; /* host order */
  uint64_t tail;
};

/* In which set to search, and the power of two above the number of its bounds; 0: none are denied. */
struct shield_denied {
  uint32_t set;
  uint32_t bits_v4;
  uint32_t bits_v6;
  uint32_t unused;
};

/* Rate tables as RateTable's: sets of eight buckets, each 16 bits of the client's hash and 48 of the time in
 * microseconds at which it will be full. */
#define SHIELD_RATE_WAYS 8
#define SHIELD_RATE_SETS (128 * 1024 / SHIELD_RATE_WAYS)
#define SHIELD_RATE_BURST_US 10000000

/* How many bad connection ids are passed: StaleIdAnswers for all workers together. */
#define SHIELD_STALE_PER_S 500           /* of a worker */
#define SHIELD_STALE_PER_NETWORK_PER_S 8 /* of a worker */
#define SHIELD_STALE_FLOOD_PER_S 2000    /* of a worker */
#define SHIELD_STALE_NETWORKS 4096

/* Banned clients, an IPv4 address or an IPv6 /64 in network order, each with the time at which it ends: the
 * kernel's monotonic clock, in nanoseconds. */
#define SHIELD_BANNED_MAX 100000 /* of each family */

#endif
