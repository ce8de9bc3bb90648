#include "sync/namesakes.h"

namespace shoal::sync {

void Namesakes::receive_own_id(Now now, const proto::SyncHeader& header, const common::Endpoint& from,
                               Outputs& out) {
  if (header.stream == proto::SyncStream::control &&
      own_clash_.heard(header.incarnation, header.sequence, now.mono_us)) {
    reported(now, from, out);
  }
}

void Namesakes::receive_rival(Now now, Member& member, const proto::SyncHeader& header,
                              const common::Endpoint& from, Outputs& out) {
  if (header.stream != proto::SyncStream::control ||
      !member.clash.mine().heard(header.incarnation, header.sequence, now.mono_us)) {
    return;
  }
  complaints_.log(now, Complaint::clashing_members,
                  "two nodes are named " + member.display_name() + ", the other is at " +
                      to_string(member.address()) + "; names must differ",
                  from, out);
  // Our heartbeats tell it about the other one.
  members_.add_contact(from, now.mono_us);
}

void Namesakes::reported(Now now, const common::Endpoint& at, Outputs& out) {
  complaints_.log(now, Complaint::namesake,
                  "another node is named " + identity_.name + " at " + to_string(at) + "; names must differ",
                  at, out);
}

}  // namespace shoal::sync
