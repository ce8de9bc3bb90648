// Parsers of single option values, and the names of those that are words. Pure: a parser takes hostile text,
// already limited to kValueBytesMax bytes, and returns nothing for what is not allowed.

#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "common/endpoint.h"
#include "node/config/options.h"

namespace shoal::node {

// Longest single value: room for any path.
constexpr size_t kValueBytesMax = 4096;

constexpr size_t kOptionNameMax = 64;
constexpr uint32_t kWorkersMax = 256;
constexpr size_t kPeerIdPrefixMax = 20;
constexpr size_t kHeaderNameMax = 64;
constexpr size_t kStatsPathMax = 64;
constexpr size_t kXdpInterfacesMax = 16;

// The words of the options that choose one of several. The only list of each.
template <class Value, size_t count>
using ValueNames = std::array<std::pair<std::string_view, Value>, count>;
inline constexpr ValueNames<common::LogLevel, 4> kLogLevels = {{{"debug", common::LogLevel::debug},
                                                                {"info", common::LogLevel::info},
                                                                {"warn", common::LogLevel::warn},
                                                                {"error", common::LogLevel::error}}};
inline constexpr ValueNames<common::LogFormat, 2> kLogFormats = {
    {{"text", common::LogFormat::text}, {"json", common::LogFormat::json}}};
inline constexpr ValueNames<IpParam, 3> kIpParams = {
    {{"ignore", IpParam::ignore}, {"trusted", IpParam::trusted}, {"any", IpParam::any}}};
inline constexpr ValueNames<AccessMode, 3> kAccessModes = {
    {{"open", AccessMode::open}, {"allow", AccessMode::allow}, {"deny", AccessMode::deny}}};
std::string_view to_string(AccessMode mode);
inline constexpr ValueNames<BanMode, 3> kBanModes = {
    {{"off", BanMode::off}, {"log", BanMode::log}, {"on", BanMode::on}}};
std::string_view to_string(BanMode mode);
inline constexpr ValueNames<ReadyAlone, 3> kReadyAlone = {
    {{"always", ReadyAlone::always}, {"held", ReadyAlone::held}, {"never", ReadyAlone::never}}};
inline constexpr ValueNames<XdpMode, 3> kXdpModes = {
    {{"auto", XdpMode::automatic}, {"native", XdpMode::native}, {"generic", XdpMode::generic}}};
std::string_view to_string(XdpMode mode);
inline constexpr ValueNames<TlsVersion, 2> kTlsVersions = {
    {{"1.2", TlsVersion::v1_2}, {"1.3", TlsVersion::v1_3}}};

inline constexpr ValueNames<FeedKind, 2> kFeedKinds = {
    {{"networks", FeedKind::networks}, {"hashes", FeedKind::hashes}}};
std::string_view to_string(FeedKind kind);

constexpr uint32_t kFeedRefreshMinS = 60;
constexpr uint32_t kFeedRefreshMaxS = 30 * 86'400;

// Decimal digits only.
std::optional<uint32_t> parse_whole(std::string_view text, uint32_t min, uint32_t max);

// "0.1", but not ".1"; no sign, no infinity.
std::optional<double> parse_fraction(std::string_view text, double min, double max);

// The shortest text that reads back as the same number.
std::string fraction_text(double value);

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

// A name that the kernel could give a network interface: 1 to 15 printable bytes, no '/', '%' or ','.
bool is_interface_name(std::string_view text);

// 1 to `size_max` of A-Z a-z 0-9 . _ -
bool is_name(std::string_view text, size_t size_max = kOptionNameMax);

// 1 to kValueBytesMax bytes without control bytes.
bool is_path(std::string_view text);

// 1 to 253 of A-Z a-z 0-9 . _ -, labels of 1 to 63: a name that can be resolved.
bool is_host_name(std::string_view text);

// "/stats": up to kStatsPathMax bytes of a URL's path, without escapes, and not a path of the tracker itself.
bool is_stats_path(std::string_view text);

// How a peer_id begins, such as "-qB4": 1 to kPeerIdPrefixMax bytes of printable ASCII without a comma.
bool is_peer_id_prefix(std::string_view text);

// 1 to `size_max` bytes of printable ASCII.
bool is_printable(std::string_view text, size_t size_max);

// 1 to kHeaderNameMax of the characters that the name of an HTTP header may have.
bool is_header_name(std::string_view text);

// http:// or https:// and at least one more byte, printable ASCII without spaces, up to 1000 bytes.
bool is_web_url(std::string_view text);

// An origin as browsers write it (RFC 6454, 6.2): scheme, host in lower case, port unless it is the usual
// one.
bool is_origin(std::string_view text);

// A web URL with {name} or {address} in it, each at most once, and no other braces.
bool is_member_url(std::string_view text);

// "NAME KIND SECONDS PLACE": a name as of is_name(), one of kFeedKinds, kFeedRefreshMinS to kFeedRefreshMaxS,
// and a web URL or an absolute path.
std::optional<FeedSource> parse_feed(std::string_view text);

// "AS64496" or "64496", 1 to 2^32 - 2.
std::optional<uint32_t> parse_asn(std::string_view text);

// Two capital letters (ISO 3166).
bool is_country(std::string_view text);

// The node.name of a host: `host` with every character that is not allowed replaced by '-', cut at
// kOptionNameMax; "node" if empty.
std::string name_from_host(std::string_view host);

// The texts that the parsers above read back as the same value.
std::string to_string(const HostPort& value);
std::string to_string(const MulticastGroup& value);

}  // namespace shoal::node
