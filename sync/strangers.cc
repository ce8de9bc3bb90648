#include "sync/strangers.h"

#include "common/hex.h"

namespace shoal::sync {

std::string to_text(const Stranger& stranger) {
  switch (stranger.kind) {
    case Strangeness::other_key:
      return "seals with key " + common::to_hex(stranger.key_id) + " that this node lacks";
    case Strangeness::altered:
      return "sends datagrams that key " + common::to_hex(stranger.key_id) + " does not open";
    case Strangeness::other_cluster:
      return "is of another cluster: its sync.cluster differs";
    case Strangeness::other_version:
      return "speaks version " + std::to_string(stranger.major) + " of the sync protocol";
  }
  return "";
}

void Strangers::heard(const common::Endpoint& from, Stranger stranger) {
  auto known = all_.find(from);
  if (known == all_.end()) {
    if (all_.size() >= kMax) {
      auto quietest = all_.end();
      for (auto it = all_.begin(); it != all_.end(); ++it) {
        if (it->second.named) continue;
        if (quietest == all_.end() || it->second.heard_us < quietest->second.heard_us) quietest = it;
      }
      if (quietest == all_.end()) return;
      all_.erase(quietest);
    }
    known = all_.try_emplace(from).first;
  }
  stranger.datagrams = known->second.datagrams + 1;
  known->second = stranger;
}

const Stranger* Strangers::find(const common::Endpoint& from) const {
  const auto found = all_.find(from);
  return found == all_.end() ? nullptr : &found->second;
}

void Strangers::forget(int64_t now_us) {
  std::erase_if(all_,
                [now_us](const auto& entry) { return now_us - entry.second.heard_us >= kForgetAfterUs; });
}

}  // namespace shoal::sync
