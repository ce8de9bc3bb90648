// Delivers a decoded message to the part that receives messages of its type.

#pragma once

#include <type_traits>
#include <variant>

#include "proto/sync_packet.h"
#include "sync/arrival.h"

namespace shoal::sync {

// The part has a receive() for this type of message.
template <class Part, class Message>
concept Receives = requires(Part& part, const Arrival& arrival, const Message& message, Outputs& out) {
  part.receive(arrival, message, out);
};

// Of each type of message exactly one of `parts` must have a receive(): a new type does not compile before
// there is one. A message of a later minor version (monostate) is ignored.
template <class... Parts>
void deliver(const Arrival& arrival, const proto::SyncPacket& packet, Outputs& out, Parts&... parts) {
  std::visit(
      [&]<class Message>(const Message& message) {
        if constexpr (!std::is_same_v<Message, std::monostate>) {
          static_assert((size_t{Receives<Parts, Message>} + ...) == 1,
                        "exactly one part of the Cluster receives each type of message");
          const auto offer = [&](auto& part) {
            if constexpr (Receives<decltype(part), Message>) part.receive(arrival, message, out);
          };
          (offer(parts), ...);
        }
      },
      packet);
}

}  // namespace shoal::sync
