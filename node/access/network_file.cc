#include "node/access/network_file.h"

#include <algorithm>
#include <array>
#include <optional>

#include "node/access/line_file.h"
#include "node/text/printable.h"

namespace shoal::node {

using common::AddressRange;
using common::Endpoint;

namespace {

constexpr uint32_t kEmuleAllowedFrom = 128;
constexpr std::string_view kBlanks = " \t\r";

std::string_view trimmed(std::string_view text) {
  const size_t first = text.find_first_not_of(kBlanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlanks) - first + 1);
}

// "001.020.003.000": each number has up to three digits, which lists fill up with zeros.
std::optional<Endpoint> parse_padded_v4(std::string_view text) {
  uint32_t address = 0;
  for (int part = 0; part < 4; ++part) {
    const size_t digits = std::min(text.find_first_not_of("0123456789"), text.size());
    if (digits == 0 || digits > 3) return std::nullopt;
    uint32_t number = 0;
    for (const char digit : text.substr(0, digits)) number = 10 * number + static_cast<uint32_t>(digit - '0');
    if (number > 255) return std::nullopt;
    address = address << 8 | number;
    text.remove_prefix(digits);
    if (part == 3) break;
    if (!text.starts_with('.')) return std::nullopt;
    text.remove_prefix(1);
  }
  return text.empty() ? std::optional(common::make_endpoint_v4(address, 0)) : std::nullopt;
}

std::optional<Endpoint> parse_listed_address(std::string_view text) {
  const auto address = common::parse_address(text);
  return address ? address : parse_padded_v4(text);
}

std::optional<AddressRange> parse_range(std::string_view text) {
  const size_t dash = text.find('-');
  if (dash == std::string_view::npos) return std::nullopt;
  const auto first = parse_listed_address(trimmed(text.substr(0, dash)));
  const auto last = parse_listed_address(trimmed(text.substr(dash + 1)));
  if (!first || !last || first->family != last->family || last->address < first->address) return std::nullopt;
  return AddressRange{*first, *last};
}

// A network, an address or a range.
std::optional<AddressRange> parse_plain(std::string_view text) {
  if (const auto network = common::parse_network(text)) return common::range_of(*network);
  if (const auto address = parse_padded_v4(text)) return AddressRange{*address, *address};
  return parse_range(text);
}

// A comment begins with '#' or ';' behind a blank.
std::string_view without_comment(std::string_view line) {
  for (size_t i = 1; i < line.size(); ++i) {
    const bool begins = line[i] == '#' || line[i] == ';';
    if (begins && kBlanks.find(line[i - 1]) != std::string_view::npos) return trimmed(line.substr(0, i));
  }
  return line;
}

NetworkLine found(const std::optional<AddressRange>& from, AddressRange& range) {
  if (!from) return NetworkLine::bad;
  range = *from;
  return NetworkLine::range;
}

// "FIRST - LAST , LEVEL , NAME"
NetworkLine read_emule_line(std::string_view line, size_t comma, AddressRange& range) {
  const auto parsed = parse_range(line.substr(0, comma));
  const std::string_view rest = line.substr(comma + 1);
  const std::string_view level = trimmed(rest.substr(0, rest.find(',')));
  const bool is_number =
      !level.empty() && level.size() <= 3 && level.find_first_not_of("0123456789") == std::string_view::npos;
  if (!parsed || !is_number) return NetworkLine::bad;
  uint32_t number = 0;
  for (const char digit : level) number = 10 * number + static_cast<uint32_t>(digit - '0');
  return number >= kEmuleAllowedFrom ? NetworkLine::nothing : found(parsed, range);
}

}  // namespace

NetworkLine read_network_line(std::string_view line, AddressRange& range) {
  line = trimmed(line);
  if (line.empty() || line.front() == '#' || line.front() == ';') return NetworkLine::nothing;
  if (const size_t comma = line.find(',');
      comma != std::string_view::npos && parse_range(line.substr(0, comma))) {
    return read_emule_line(line, comma, range);
  }
  // What stands in a comment must not be taken for a p2p line, whose name may hold a '#'.
  if (const auto plain = parse_plain(without_comment(line))) return found(plain, range);
  // p2p: the range is behind the last colon, and the name may hold anything. No IPv6 in this format.
  const size_t colon = line.rfind(':');
  if (colon == std::string_view::npos) return NetworkLine::bad;
  const auto named = parse_range(line.substr(colon + 1));
  return named && named->first.family == common::Family::v4 ? found(named, range) : NetworkLine::bad;
}

common::Result<void> load_network_file(const std::string& path, common::NetworkSet::Builder& to) {
  return for_each_line(path, [&](std::string_view line) -> std::string {
    AddressRange range;
    switch (read_network_line(line, range)) {
      case NetworkLine::nothing:
        return "";
      case NetworkLine::bad:
        return "\"" + printable(line, 60) + "\" is no network, address or range of addresses";
      case NetworkLine::range:
        break;
    }
    if (to.size() == kListedNetworksMax)
      return "more than " + std::to_string(kListedNetworksMax) + " networks";
    to.add(range);
    return "";
  });
}

}  // namespace shoal::node
