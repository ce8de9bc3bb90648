// Files of networks: block lists as they are passed around. One line is one of
//   192.0.2.0/24   2001:db8::/32   192.0.2.7               a network or an address
//   192.0.2.0-192.0.2.99   2001:db8::1 - 2001:db8::ff      a range
//   Some name: with colons:192.0.2.0-192.0.2.99            PeerGuardian's text format (p2p)
//   000.000.000.000 - 000.255.255.255 , 000 , A name       eMule's ipfilter.dat: from level 128 on a range is
//   allowed
// Blank lines and lines that begin with '#' or ';' are none; so is what follows a blank and '#' or ';' after
// a network.

#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "common/network.h"
#include "common/result.h"

namespace shoal::node {

// The maximum number of lines with a network in all files together: 128 MB while they are read if all are
// IPv6.
constexpr size_t kListedNetworksMax = 4'000'000;

enum class NetworkLine : uint8_t { nothing, range, bad };

// Reads a line without its line feed; a carriage return is a blank. Sets `range` only for NetworkLine::range.
NetworkLine read_network_line(std::string_view line, common::AddressRange& range);

// Adds the networks of a file. The error names the path and the number of the first bad line. A million lines
// take a second: do not call it on the control thread's loop.
common::Result<void> load_network_file(const std::string& path, common::NetworkSet::Builder& to);

}  // namespace shoal::node
