// Parsers of single option values. Pure; every one takes hostile text and gives nothing for what it does not
// allow. Lengths are bounded by kValueBytesMax before any of them looks closer.

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "common/endpoint.h"
#include "node/config/options.h"

namespace shoal::node {

// Longest single value; a path is the longest sensible one.
constexpr size_t kValueBytesMax = 4096;

// Decimal digits only.
std::optional<uint32_t> parse_whole(std::string_view text, uint32_t min, uint32_t max);

// "0.1", ".1" is not one; no sign, no infinity.
std::optional<double> parse_fraction(std::string_view text, double min, double max);

// "true" or "false".
std::optional<bool> parse_boolean(std::string_view text);

// An address to bind: unicast or wildcard, port 1 to 65535.
std::optional<common::Endpoint> parse_listen_address(std::string_view text);

// An address that others can send to: unicast, port 1 to 65535.
std::optional<common::Endpoint> parse_unicast_address(std::string_view text);

// "name:port", "192.0.2.1:port" or "[2001:db8::1]:port"; the host without brackets.
std::optional<HostPort> parse_host_port(std::string_view text);

// "239.192.0.42:6970%eth0", "[ff15::42]:6970%eth0"; "%interface" may be left out.
std::optional<MulticastGroup> parse_multicast_group(std::string_view text);

// 1 to `size_max` of A-Z a-z 0-9 . _ -
bool is_name(std::string_view text, size_t size_max = 64);

// 1 to kValueBytesMax bytes without control bytes.
bool is_path(std::string_view text);

// 1 to 253 of A-Z a-z 0-9 . _ -, labels of 1 to 63; what a resolver may be asked for.
bool is_host_name(std::string_view text);

// "/stats": a path of a URL that needs no escapes, and not one the tracker has another use for.
bool is_stats_path(std::string_view text);

// 1 to 20 bytes of printable ASCII without a comma: how a peer_id begins, as "-qB4".
bool is_peer_id_prefix(std::string_view text);

// 1 to `size_max` bytes of printable ASCII.
bool is_printable(std::string_view text, size_t size_max);

// 1 to 64 of the characters that make the name of an HTTP header.
bool is_header_name(std::string_view text);

// http:// or https:// and something behind it, printable ASCII without blanks, up to 1000 bytes.
bool is_web_url(std::string_view text);

// What node.name is when nobody gave one: `host` with everything else replaced by '-', cut at 64; "node" if
// empty.
std::string name_from_host(std::string_view host);

// The texts that the parsers above read back as the same value.
std::string to_string(const HostPort& value);
std::string to_string(const MulticastGroup& value);

}  // namespace shoal::node
