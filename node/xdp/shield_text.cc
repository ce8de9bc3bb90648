// The words for decisions and modes, with and without the program.

#include "node/xdp/shield.h"

namespace shoal::node {

std::string_view to_string(ShieldDecision decision) {
  switch (decision) {
    case SHIELD_CONNECT_ANSWERED:
      return "connect_answered";
    case SHIELD_PASSED_REQUEST:
      return "passed_request";
    case SHIELD_PASSED_STALE_ID:
      return "passed_stale_id";
    case SHIELD_PASSED_CONNECT:
      return "passed_connect";
    case SHIELD_PASSED_ODD:
      return "passed_odd";
    case SHIELD_DROPPED_TOO_SHORT:
      return "dropped_too_short";
    case SHIELD_DROPPED_UNKNOWN_ACTION:
      return "dropped_unknown_action";
    case SHIELD_DROPPED_WRONG_MAGIC:
      return "dropped_wrong_magic";
    case SHIELD_DROPPED_CHECKSUM:
      return "dropped_checksum";
    case SHIELD_DROPPED_SOURCE_PORT:
      return "dropped_source_port";
    case SHIELD_DROPPED_NETWORK:
      return "dropped_network";
    case SHIELD_DROPPED_BANNED:
      return "dropped_banned";
    case SHIELD_DROPPED_CONNECTION_ID:
      return "dropped_connection_id";
    case SHIELD_DROPPED_RATE_ADDRESS:
      return "dropped_rate_address";
    case SHIELD_DROPPED_RATE_PREFIX:
      return "dropped_rate_prefix";
    case SHIELD_DECISIONS:
      break;
  }
  return "";
}

uint64_t ShieldCounts::dropped() const {
  uint64_t sum = 0;
  for (size_t i = SHIELD_DROPPED_TOO_SHORT; i < SHIELD_DECISIONS; ++i) sum += packets[i];
  return sum;
}

}  // namespace shoal::node
