/* The shield's program for xdp_bench, which runs it many times on one frame: it first makes a connect of the answer
 * that the last run left there. The frame: no tags, the UDP checksum of the connect once more behind it. Adds some
 * five loads and stores to the time. */

#define shield shield_once
#include "node/xdp/shield.bpf.c"
#undef shield

#define TRANSACTION 0x04030201 /* as it lies */

INLINE void renew(void *udp, const void *end) {
  struct udp *header = udp;
  struct request *request = (void *)(header + 1);
  const uint16_t *checksum = (const void *)(request + 1);
  if ((const void *)(checksum + 1) > end) return;
  request->id_head = MAGIC_HEAD;
  request->id_tail = MAGIC_TAIL;
  request->action = 0;
  request->transaction = TRANSACTION;
  header->checksum = *checksum;
}

SEC("xdp")
int shield(struct xdp_md *context) {
  struct ethernet *ethernet = (void *)(long)context->data;
  const void *end = (void *)(long)context->data_end;
  if ((const void *)(ethernet + 1) > end) return XDP_PASS;
  void *ip = ethernet + 1;
  renew(ip + (ethernet->protocol == NET16(0x0800) ? IPV4_SIZE : IPV6_SIZE), end);
  return handle(context, 0);
}
