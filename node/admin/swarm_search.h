// Reads what people type or paste into the search of the page at /. Pure; the text is hostile.

#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "common/info_hash.h"

namespace shoal::node {

struct SwarmSearch {
  std::string typed;  // decoded, without blanks around it
  std::optional<common::InfoHash> info_hash;
};

// Of the query "info_hash=TEXT" of a form. TEXT is an info_hash or a magnet link, which names it by
// "urn:btih:" (BEP 9): 40 hexadecimal digits, or 32 of base32.
SwarmSearch swarm_search(std::string_view query);

}  // namespace shoal::node
