/* What the shield's program (C, for the kernel) and its owner (C++) share: decisions and the bytes of maps.
 * Addresses and ports are in network order, all other numbers in host order, if nothing else is said. */

#ifndef SHOAL_NODE_XDP_SHIELD_LAYOUT_H
#define SHOAL_NODE_XDP_SHIELD_LAYOUT_H

#ifdef __cplusplus
#include <cstdint>
#else
#include <linux/types.h>
typedef __u8 uint8_t;
typedef __u16 uint16_t;
typedef __u32 uint32_t;
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
  SHIELD_PASSED_CONNECT,  /* while connects are not answered here, or one that the kernel has to judge */
  SHIELD_PASSED_ODD,      /* lengths that do not agree, another hardware address: the kernel judges */
  /* In silence, as the sockets do, or the kernel before them: */
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
  uint64_t bytes[SHIELD_FAMILIES]; /* of UDP payload; of what was answered or dropped, but for its checksum */
};

#define SHIELD_KEYS_MAX 8        /* connection keys */
#define SHIELD_INTERFACES_MAX 16 /* whose hardware addresses are ours */
#define SHIELD_ADDRESSES_MAX 128 /* of each family */
#define SHIELD_ADDRESS_BITS 12   /* slots for them, as a power of two */
#define SHIELD_ADDRESS_SLOTS (1 << SHIELD_ADDRESS_BITS)

/* What an address is; 0: the slot is free. */
#define SHIELD_TARGET 1    /* requests to this address and port are for us */
#define SHIELD_NO_CLIENT 2 /* nobody's source: our own address, or a broadcast address. The port is 0 */

struct shield_address_v4 {
  uint32_t address;
  uint16_t port;
  uint16_t use;
};

struct shield_address_v6 {
  uint64_t address[2];
  uint16_t port;
  uint16_t use;
  uint32_t unused;
};

/* All that changes together. The owner writes one of SHIELD_CONFIGS that nobody reads, and then its index. */
#define SHIELD_CONFIGS 4
struct shield_config {
  uint64_t keys[SHIELD_KEYS_MAX][2]; /* SipHash keys as little-endian words; the first makes ids */
  uint64_t rate_secret[2];           /* odd, random */
  uint32_t key_count;                /* 0: no connect is answered and no id is checked */
  uint32_t checks_ids;
  uint32_t answers_connects;
  uint32_t address_cost_us; /* 1,000,000 / limits.requests_per_s_per_address; 0: no limit */
  uint32_t prefix_cost_us;  /* the same of ..._per_prefix */
  uint32_t workers;         /* how many answer bad connection ids */
  uint32_t ttl_v4;          /* of answers */
  uint32_t hops_v6;
  uint64_t hardware[SHIELD_INTERFACES_MAX]; /* addresses of interfaces: six bytes as they lie, two zeros */
  uint32_t hardware_count;
  uint32_t unused;
  uint64_t vlans[4096 / 64]; /* a bit for each VLAN that this machine has an interface in */
  uint64_t address_factor;   /* odd, and chosen so that no two addresses share a slot */
  struct shield_address_v4 v4[SHIELD_ADDRESS_SLOTS];
  struct shield_address_v6 v6[SHIELD_ADDRESS_SLOTS];
};

static inline uint32_t shield_slot_v4(uint64_t factor, uint32_t address, uint16_t port) {
  return (uint32_t)((((uint64_t)port << 32 | address) * factor) >> (64 - SHIELD_ADDRESS_BITS));
}
static inline uint32_t shield_slot_v6(uint64_t factor, const uint64_t* address, uint16_t port) {
  const uint64_t mixed = (address[0] ^ (uint64_t)port << 32) * factor;
  return (uint32_t)(((mixed ^ mixed >> 32 ^ address[1]) * factor) >> (64 - SHIELD_ADDRESS_BITS));
}

/* Denied networks: the bounds where ranges begin and end (the address after the last one), in turn,
 * ascending. An address is denied if an odd number of bounds are at most it. There are two sets; the owner
 * fills the one that is not in use.
 *
 * IPv4: the first 65,537 words say for each upper half of an address (and for one more) where the first bound
 * at or above it stands; bounds are host-order numbers, from word SHIELD_V4_BOUNDS_AT on. IPv6: bounds alone.
 */
#define SHIELD_V4_WORDS (1 << 20) /* 4 MiB, the largest value of a map */
#define SHIELD_V4_BOUNDS_AT 65538 /* even, so that a bound's word is even if its index is */
#define SHIELD_V4_BOUNDS_MAX (SHIELD_V4_WORDS - SHIELD_V4_BOUNDS_AT) /* 491,519 ranges */
#define SHIELD_V6_BOUNDS_MAX (1 << 18)                               /* 131,072 ranges; 4 MiB */

struct shield_bound_v6 {
  uint64_t head; /* host order */
  uint64_t tail;
};
struct shield_denied_v4 {
  uint32_t words[SHIELD_V4_WORDS];
};
struct shield_denied_v6 {
  struct shield_bound_v6 bounds[SHIELD_V6_BOUNDS_MAX];
};

/* What changes by itself, each in one store. */
struct shield_live {
  uint32_t config; /* which of SHIELD_CONFIGS holds */
  uint32_t banned; /* whether anybody is */
  uint64_t unix_s; /* the cluster's time; 0: not known, nothing is answered or checked */
  uint64_t denied; /* see below */
};

#define SHIELD_DENIED_SET(denied) ((uint32_t)((denied) >> 32) & 1) /* which set is in use */
#define SHIELD_DENIED_V4(denied) ((denied) >> 33 & 1)              /* whether it has any of IPv4 */
#define SHIELD_DENIED_V6(denied) ((uint32_t)(denied))              /* how many bounds of IPv6 */

/* Rate tables as RateTable's: sets of eight buckets, each 16 bits of the client's hash and 48 of the time in
 * microseconds at which it will be full. */
#define SHIELD_RATE_WAYS 8
#define SHIELD_RATE_SETS (128 * 1024 / SHIELD_RATE_WAYS)
#define SHIELD_RATE_BURST_US 10000000

struct shield_rate_set {
  uint64_t cells[SHIELD_RATE_WAYS];
};

/* How many bad connection ids are passed: StaleIdAnswers for all workers together. */
#define SHIELD_STALE_PER_S 500           /* of a worker */
#define SHIELD_STALE_PER_NETWORK_PER_S 8 /* of a worker */
#define SHIELD_STALE_FLOOD_PER_S 2000    /* of a worker */
#define SHIELD_STALE_NETWORKS 4096

/* Clients with a good connection id whose requests were dropped because of their own rate. The owner takes
 * them out again and again; who finds no room is not noted until then. */
#define SHIELD_OVER_RATE_SLOTS 1024
struct shield_over_rate {
  uint64_t client; /* shield_client_key(); 0: free */
  uint64_t requests;
};

/* The upper half of an IPv6 address as it lies, or an IPv4 address as one that no client has: in ffff:ffff::,
 * multicast. 0: of ::/64, which is no client's either. */
static inline uint64_t shield_client_key(uint64_t head, uint64_t is_v6) {
  return is_v6 ? head : head << 32 | 0xffffffff;
}

/* Memory that the program and its owner share; the program's only variable. */
struct shield_memory {
  struct shield_live live;
  struct shield_config configs[SHIELD_CONFIGS];
  /* Bad connection ids of this second, the program's own: the second in the upper half of each; below, of all
   * of them, whether there was a flood in the second before and how many there are; how many were passed; how
   * many of each network. */
  uint64_t stale_requests;
  uint64_t stale_passed;
  uint64_t stale_networks[SHIELD_STALE_NETWORKS];
  struct shield_over_rate over_rate[SHIELD_OVER_RATE_SLOTS];
};

/* Banned clients, an IPv4 address or the upper half of an IPv6 address; each with the time at which the ban
 * ends: the kernel's monotonic clock, in nanoseconds. */
#define SHIELD_BANNED_MAX 100000 /* of each family */

#endif
