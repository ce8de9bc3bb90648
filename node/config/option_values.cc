#include "node/config/option_values.h"

#include <algorithm>
#include <charconv>

namespace shoal::node {

namespace {

using common::Endpoint;
using common::Family;
using common::is_multicast;
using common::is_wildcard;

constexpr size_t kInterfaceNameMax = 15;  // IFNAMSIZ - 1

bool is_name_char(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' ||
         c == '-';
}

bool is_limited_broadcast(const Endpoint& endpoint) {
  return endpoint.family == Family::v4 && std::all_of(endpoint.address.begin(), endpoint.address.begin() + 4,
                                                      [](uint8_t byte) { return byte == 0xff; });
}

template <class Value, size_t count>
std::string_view word_of(const ValueNames<Value, count>& names, Value value) {
  for (const auto& [name, one] : names) {
    if (one == value) return name;
  }
  return "";
}

}  // namespace

std::string_view to_string(AccessMode mode) { return word_of(kAccessModes, mode); }

std::string_view to_string(XdpMode mode) { return word_of(kXdpModes, mode); }

std::string_view to_string(BanMode mode) { return word_of(kBanModes, mode); }

std::string_view to_string(FeedKind kind) { return word_of(kFeedKinds, kind); }

bool is_interface_name(std::string_view text) {
  return !text.empty() && text.size() <= kInterfaceNameMax && text != "." && text != ".." &&
         std::all_of(text.begin(), text.end(),
                     [](char c) { return c > 0x20 && c < 0x7f && c != '/' && c != '%' && c != ','; });
}

std::optional<uint32_t> parse_whole(std::string_view text, uint32_t min, uint32_t max) {
  uint32_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < min || value > max)
    return std::nullopt;
  return value;
}

std::optional<double> parse_fraction(std::string_view text, double min, double max) {
  if (text.empty() || text[0] < '0' || text[0] > '9') return std::nullopt;
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  if (!(value >= min && value <= max)) return std::nullopt;
  return value;
}

std::string fraction_text(double value) {
  std::array<char, 32> text;
  const auto end = std::to_chars(text.data(), text.data() + text.size(), value).ptr;
  return std::string(text.data(), end);
}

std::optional<bool> parse_boolean(std::string_view text) {
  if (text == "true") return true;
  if (text == "false") return false;
  return std::nullopt;
}

std::optional<Endpoint> parse_listen_address(std::string_view text) {
  const auto endpoint = common::parse_endpoint(text);
  if (!endpoint || endpoint->port == 0 || is_multicast(*endpoint) || is_limited_broadcast(*endpoint)) {
    return std::nullopt;
  }
  return endpoint;
}

std::optional<Endpoint> parse_unicast_address(std::string_view text) {
  const auto endpoint = parse_listen_address(text);
  if (!endpoint || is_wildcard(*endpoint)) return std::nullopt;
  return endpoint;
}

bool is_host_name(std::string_view text) {
  if (text.empty() || text.size() > 253 || text.front() == '-') return false;
  size_t label = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    if (!is_name_char(text[i])) return false;
    label = text[i] == '.' ? 0 : label + 1;
    const bool empty_label = text[i] == '.' && (i == 0 || text[i - 1] == '.');
    if (label > 63 || empty_label) return false;
  }
  // Digits and dots alone are a mistyped IPv4 address.
  return text.find_first_not_of("0123456789.") != std::string_view::npos;
}

std::optional<HostPort> parse_host_port(std::string_view text) {
  if (text.size() > 320) return std::nullopt;
  if (common::parse_endpoint(text)) {
    const auto endpoint = parse_unicast_address(text);
    if (!endpoint) return std::nullopt;
    return HostPort{common::address_to_string(*endpoint), endpoint->port};
  }
  const size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  const auto port = common::parse_port(text.substr(colon + 1));
  if (!port || *port == 0 || !is_host_name(text.substr(0, colon))) return std::nullopt;
  return HostPort{std::string(text.substr(0, colon)), *port};
}

std::optional<MulticastGroup> parse_multicast_group(std::string_view text) {
  const size_t percent = text.find('%');
  const auto group = common::parse_endpoint(text.substr(0, percent));
  if (!group || group->port == 0 || !is_multicast(*group)) return std::nullopt;
  if (percent == std::string_view::npos) return MulticastGroup{*group, ""};
  const std::string_view interface = text.substr(percent + 1);
  if (!is_interface_name(interface)) return std::nullopt;
  return MulticastGroup{*group, std::string(interface)};
}

bool is_name(std::string_view text, size_t size_max) {
  return !text.empty() && text.size() <= size_max && std::all_of(text.begin(), text.end(), is_name_char);
}

bool is_path(std::string_view text) {
  return !text.empty() && text.size() <= kValueBytesMax && std::all_of(text.begin(), text.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte >= 0x20 && byte != 0x7f;
  });
}

bool is_printable(std::string_view text, size_t size_max) {
  return !text.empty() && text.size() <= size_max &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= 0x20 && c < 0x7f; });
}

bool is_stats_path(std::string_view text) {
  return text.size() >= 2 && text.size() <= kStatsPathMax && text[0] == '/' && text != "/announce" &&
         text != "/scrape" &&
         std::all_of(text.begin(), text.end(), [](char c) { return is_name_char(c) || c == '/'; });
}

bool is_peer_id_prefix(std::string_view text) {
  return is_printable(text, kPeerIdPrefixMax) && text.find(',') == std::string_view::npos;
}

bool is_header_name(std::string_view text) {
  return is_printable(text, kHeaderNameMax) && std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
         });
}

bool is_web_url(std::string_view text) {
  const size_t scheme = text.starts_with("https://") ? 8 : text.starts_with("http://") ? 7 : text.size();
  return scheme < text.size() && is_printable(text, 1000) &&
         text.find_first_of(" \"<>\\") == std::string_view::npos;
}

bool is_origin(std::string_view text) {
  if (!is_web_url(text)) return false;
  const std::string_view host = text.substr(text.find("//") + 2);
  return host.find_first_of("/?#@") == std::string_view::npos &&
         std::none_of(host.begin(), host.end(), [](char c) { return c >= 'A' && c <= 'Z'; });
}

bool is_member_url(std::string_view text) {
  std::string plain(text);
  size_t found = 0;
  for (const std::string_view placeholder : {"{name}", "{address}"}) {
    const size_t at = plain.find(placeholder);
    if (at == std::string::npos) continue;
    plain.replace(at, placeholder.size(), "x");
    ++found;
  }
  return found > 0 && plain.find_first_of("{}") == std::string::npos && is_web_url(plain);
}

std::optional<FeedSource> parse_feed(std::string_view text) {
  const auto next_word = [&] {
    const size_t end = std::min(text.find(' '), text.size());
    const std::string_view word = text.substr(0, end);
    text.remove_prefix(std::min(text.find_first_not_of(' ', end), text.size()));
    return word;
  };
  FeedSource feed;
  feed.name = next_word();
  const std::string_view kind = next_word();
  const auto refresh_s = parse_whole(next_word(), kFeedRefreshMinS, kFeedRefreshMaxS);
  feed.place = text;
  const auto found = std::find_if(kFeedKinds.begin(), kFeedKinds.end(),
                                  [&](const auto& known) { return known.first == kind; });
  const bool is_place = is_web_url(text) || (text.starts_with('/') && is_path(text));
  if (!is_name(feed.name) || found == kFeedKinds.end() || !refresh_s || !is_place) return std::nullopt;
  feed.kind = found->second;
  feed.refresh_s = *refresh_s;
  return feed;
}

std::optional<uint32_t> parse_asn(std::string_view text) {
  if (text.starts_with("AS")) text.remove_prefix(2);
  return parse_whole(text, 1, UINT32_MAX - 1);
}

bool is_country(std::string_view text) {
  return text.size() == 2 &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= 'A' && c <= 'Z'; });
}

std::string name_from_host(std::string_view host) {
  std::string name(host.substr(0, kOptionNameMax));
  for (char& c : name) {
    if (!is_name_char(c)) c = '-';
  }
  return name.empty() ? "node" : name;
}

std::string to_string(const HostPort& value) {
  const bool bracketed = value.host.find(':') != std::string::npos;
  return (bracketed ? "[" + value.host + "]" : value.host) + ":" + std::to_string(value.port);
}

std::string to_string(const MulticastGroup& value) {
  return common::to_string(value.group) + (value.interface.empty() ? "" : "%" + value.interface);
}

}  // namespace shoal::node
