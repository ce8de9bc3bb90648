// OffenceWatch: what workers tell of clients: it keeps their scores and reports offenders to the control
// thread. Only of clients that have proved their address: by a connection id of this cluster's key, or by a
// TCP connection. Any thread; no lock.

#pragma once

#include <functional>
#include <utility>

#include "common/endpoint.h"
#include "node/bans/offence_table.h"
#include "node/bans/offender_queue.h"

namespace shoal::node {

class OffenceWatch {
 public:
  // `wake`: called from any thread when there is an offender in the queue.
  OffenceWatch(const common::SipKey& key, const OffenceLimits& limits, std::function<void()> wake)
      : table_(key, limits), wake_(std::move(wake)) {}

  // So many offences of one kind at once.
  void charge(const common::Endpoint& client, proto::Offence offence, uint64_t now_us, uint64_t times = 1) {
    charge(address_prefix(client), offence, now_us, times);
  }
  void charge(const ClientPrefix& client, proto::Offence offence, uint64_t now_us, uint64_t times) {
    report(table_.charge(client, offence, now_us, times));
  }
  void announced(const common::Endpoint& client, const OffenceTable::Announce& announce, uint64_t now_us) {
    report(table_.announced(address_prefix(client), announce, now_us));
  }

  OffenceTable& table() { return table_; }
  const OffenceTable& table() const { return table_; }
  OffenderQueue& offenders() { return offenders_; }
  const OffenderQueue& offenders() const { return offenders_; }

 private:
  void report(const std::optional<OffenceTable::Offender>& offender) {
    if (offender && offenders_.push(*offender)) wake_();
  }

  OffenceTable table_;
  OffenderQueue offenders_;
  const std::function<void()> wake_;
};

}  // namespace shoal::node
