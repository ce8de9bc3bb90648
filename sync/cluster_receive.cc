// What happens to a datagram: from anything at all to a merge, cheapest check first. Nothing is answered, and
// nothing of what we know is changed, before a key has opened it.

#include <algorithm>

#include "common/hex.h"
#include "sync/cluster_impl.h"

namespace shoal::sync {

namespace {

using common::LogLevel;

constexpr int64_t kLagSmoothing = 8;  // packets

// An origin resends for 30 s, and what it resends may be paced. To this comes how far clocks may be apart.
constexpr int64_t kUnderwayMaxMs = RetransmitRing::kKeepUs / 1000 + 15'000;
constexpr int64_t kAheadMaxMs = 1'000;

ReplayWindow& window_of(Member& member, proto::SyncStream stream) {
  return stream == proto::SyncStream::deltas ? member.deltas : member.control;
}

}  // namespace

std::string display_name(const Member& member) {
  if (!member.name.empty()) return member.name;
  std::array<uint8_t, 8> bytes;
  common::ByteWriter(bytes).u64(member.id);
  return common::to_hex(bytes);
}

void Cluster::Impl::complain(Now now, Complaint kind, const std::string& message,
                             const common::Endpoint& from, Outputs& out) {
  if (!complaints.due(kind, now.mono_us)) return;
  const LogLevel level =
      kind == Complaint::namesake || kind == Complaint::clashing_members ? LogLevel::error : LogLevel::warn;
  out.logs.push_back({level, message, {{"from", to_string(from)}}});
}

void Cluster::Impl::receive(Now now, const Received& datagram, Outputs& out) {
  ++stats.datagrams_received;
  stats.bytes_received += datagram.bytes.size();
  if (!silent_seeds.empty()) silent_seeds.erase(datagram.from);

  const auto header = proto::parse_sync_header(datagram.bytes);
  if (!header && header.error() == proto::SyncHeaderFault::other_major) {
    ++stats.dropped_foreign;
    return complain(now, Complaint::other_major,
                    "sync datagrams of protocol version " + std::to_string(datagram.bytes[3]) +
                        " arrive, and this node speaks " + std::to_string(proto::kSyncMajor) +
                        ": all nodes need the same major version",
                    datagram.from, out);
  }
  if (!header || header->stream > proto::SyncStream::control || datagram.from.port == 0) {
    ++stats.dropped_malformed;
    return;
  }
  if (header->cluster_tag != tag) {
    ++stats.dropped_foreign;
    return complain(now, Complaint::other_cluster,
                    "sync datagrams of another cluster arrive; is sync.cluster the same on all nodes?",
                    datagram.from, out);
  }
  if (header->node_id == id && header->incarnation == config.incarnation) {  // our own, looped back
    return hear_own(*header, datagram);
  }

  Member* member = members.find(header->node_id);
  if (member != nullptr && member->incarnation == header->incarnation &&
      !window_of(*member, header->stream).fresh(header->sequence)) {
    ++stats.dropped_replayed;
    return;
  }
  const auto body = open_sealed(keys, *header, datagram.bytes);
  if (!body) {
    return hear_unauthentic(now, *header, datagram.from, out);
  }
  const auto packet = proto::decode_sync_packet(*body);
  if (!packet) {
    ++stats.dropped_malformed;
    return;
  }
  if (header->node_id == id) {
    ++stats.dropped_refused;
    if (header->stream == proto::SyncStream::control &&
        own_clash.heard(header->incarnation, header->sequence, now.mono_us)) {
      hear_namesake(now, datagram.from, out);
    }
    return;
  }
  // A lower incarnation is late or a second node of that name, unless the one we know has fallen silent:
  // clocks may be set back between two runs.
  if (member != nullptr && header->incarnation < member->incarnation &&
      member->state(now.mono_us) == MemberState::alive) {
    ++stats.dropped_stale;
    // It trusts what we tell it of its rival only after this.
    if (const auto* challenge = std::get_if<proto::Challenge>(&*packet)) {
      answer_unproven(now, *challenge, datagram.from, out);
    }
    return hear_rival(now, *member, *header, datagram, out);
  }
  // One that was silent for long has to prove itself again, or else packets that were sent to others and
  // never came here could be played to keep up the appearance of a node that is dead.
  if (member == nullptr || header->incarnation != member->incarnation || member->silent(now.mono_us)) {
    return hear_newcomer(now, *header, datagram, *packet, out);
  }
  ReplayWindow& window = window_of(*member, header->stream);
  if (header->sequence > window.highest()) member->heard_us = now.mono_us;  // for the same reason
  window.mark(header->sequence);
  if (header->stream == proto::SyncStream::deltas) {
    member->gaps.seen(header->sequence, now.mono_us);
    member->gaps.give_up(member->deltas.left_behind());
    note_losses(now, *member, out);
  }
  apply(now, *member, *header, datagram, *packet, out);
  plan_repair(now, *member);
  send_greetings(now, out);
}

void Cluster::Impl::apply(Now now, Member& member, const proto::SyncHeader& header, const Received& datagram,
                          const proto::SyncPacket& packet, Outputs& out) {
  ++member.datagrams_received;
  member.bytes_received += datagram.bytes.size();
  if (datagram.group) member.heard_by_group_us = now.mono_us;
  if (const auto* heartbeat = std::get_if<proto::Heartbeat>(&packet)) {
    apply_heartbeat(now, member, header, datagram, *heartbeat, out);
  } else if (const auto* batch = std::get_if<proto::DeltaBatch>(&packet)) {
    apply_deltas(now, member, *batch);
  } else if (const auto* leave = std::get_if<proto::Leave>(&packet)) {
    apply_leave(now, member, *leave, out);
  } else if (const auto* challenge = std::get_if<proto::Challenge>(&packet)) {
    answer_challenge(now, *challenge, datagram.from, out);
  } else if (const auto* echo = std::get_if<proto::ChallengeEcho>(&packet)) {
    apply_echo(now, member, *echo, datagram.from, out);
  } else if (const auto* nack = std::get_if<proto::Nack>(&packet)) {
    apply_nack(now, member, *nack, out);
  } else if (const auto* changes = std::get_if<proto::AccessChanges>(&packet)) {
    apply_access_changes(now, *changes, out);
  } else if (const auto* load = std::get_if<proto::ClientLoad>(&packet)) {
    member.announces_per_s = load->announces_per_s;
    member.interval_s = load->interval_s;
  } else if (const auto* ask = std::get_if<proto::AccessAsk>(&packet)) {
    apply_access_ask(now, member, *ask, out);
  } else if (const auto* gone = std::get_if<proto::Gone>(&packet)) {
    apply_gone(now, member, *gone, out);
  } else if (const auto* digests = std::get_if<proto::Digests>(&packet)) {
    apply_digests(now, member, *digests, out);
  } else if (const auto* ask = std::get_if<proto::CellsAsk>(&packet)) {
    apply_cells_ask(now, member, *ask, out);
  } else if (const auto* cells = std::get_if<proto::CellDigests>(&packet)) {
    apply_cells(now, member, *cells);
  }
}

void Cluster::Impl::apply_deltas(Now now, Member& member, const proto::DeltaBatch& batch) {
  // Stamps counted by another tick length mean nothing here. The batch says its own, so that it need not wait
  // for a heartbeat.
  if (batch.peer_timeout_s != config.peer_timeout_s) {
    ++stats.dropped_refused;
    return;
  }
  if (!timely(now, batch)) {
    ++stats.dropped_late;
    return;
  }
  stats.deltas_received += batch.deltas.size();
  member.deltas_received += batch.deltas.size();
  stats.deltas_applied += swarms.merge(batch.deltas, tick(now));
  if (batch.sent_unix_ms == 0) return;
  // Clocks that differ by a little may make it negative.
  const int64_t lag_ms = std::max<int64_t>(time.at_ms(now.mono_us) - batch.sent_unix_ms, 0);
  stats.lag.add(lag_ms, batch.deltas.size());
  member.lag_us += (lag_ms * 1000 - member.lag_us) / kLagSmoothing;
}

// Stamps count modulo 256: those of a packet that waited for an hour, or was recorded then, would be read as
// of now.
bool Cluster::Impl::timely(Now now, const proto::DeltaBatch& batch) const {
  if (batch.sent_unix_ms == 0) return true;
  const int64_t age_ms = time.at_ms(now.mono_us) - batch.sent_unix_ms;
  return age_ms <= kUnderwayMaxMs + time.tolerance_ms() && age_ms >= -(kAheadMaxMs + 2 * time.tolerance_ms());
}

void Cluster::Impl::hear_rival(Now now, Member& member, const proto::SyncHeader& header,
                               const Received& datagram, Outputs& out) {
  if (header.stream != proto::SyncStream::control ||
      !member.clash.heard(header.incarnation, header.sequence, now.mono_us)) {
    return;
  }
  complain(now, Complaint::clashing_members,
           "two nodes are named " + display_name(member) + ", the other is at " + to_string(member.address) +
               "; names must differ",
           datagram.from, out);
  // By our heartbeats it learns of the other one.
  members.add_contact(datagram.from, now.mono_us);
}

void Cluster::Impl::hear_namesake(Now now, const common::Endpoint& from, Outputs& out) {
  complain(now, Complaint::namesake,
           "another node is named " + wire_name + " at " + to_string(from) + "; names must differ", from,
           out);
}

}  // namespace shoal::sync
