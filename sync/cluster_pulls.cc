// Pulls, both sides: asking a member for records over TCP, and giving them.

#include "sync/cluster_impl.h"

namespace shoal::sync {

void Cluster::Impl::pull_received(Now, uint64_t, common::ByteSpan, Outputs&) {}

void Cluster::Impl::pull_closed(Now, uint64_t, Outputs&) {}

std::unique_ptr<Donation> Cluster::Impl::accept_pull(Now, const common::Endpoint&, common::ByteSpan,
                                                     Outputs&) {
  ++stats.donations_refused;
  return nullptr;
}

}  // namespace shoal::sync
