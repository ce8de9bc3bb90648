// What a worker counts of web peers. The worker writes, any thread reads.

#pragma once

#include "common/counter.h"

namespace shoal::node {

struct WebCounters {
  common::Counter opened;  // connections
  common::Counter closed;
  common::Counter refused_bad;      // openings that break RFC 6455
  common::Counter refused_origin;   // websocket.origins
  common::Counter refused_room;     // as many as may be, or the node is draining
  common::Counter refused_address;  // banned, in a denied network, or a proxy did not tell it
  common::Counter announces;
  common::Counter scrapes;
  common::Counter answers;      // to offers
  common::Counter failures;     // messages answered with a failure reason
  common::Counter violations;   // connections closed since the client broke the protocol
  common::Counter banned;       // connections closed since the client was banned
  common::Counter offers_made;  // in announces
  common::Counter offers_sent;  // of these, for peers that were found
  common::Counter offers_delivered;
  common::Counter answers_delivered;
  // Lost:
  common::Counter answers_unknown;  // to offers that the client was not handed, or too long ago
  common::Counter offers_pushed;    // forgotten before they could be answered, for newer ones
  common::Counter gone;             // for a connection that is closed, or no longer in the swarm
  common::Counter unread;           // for a client that does not read
  common::Counter malformed;        // from other nodes
};

}  // namespace shoal::node
