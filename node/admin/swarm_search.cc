#include "node/admin/swarm_search.h"

#include "common/hex.h"
#include "proto/query_pairs.h"

namespace shoal::node {

namespace {

constexpr size_t kHexDigits = 40;
constexpr size_t kBase32Digits = 32;
constexpr std::string_view kBlanks = " \t\r\n";

// application/x-www-form-urlencoded; a bad escape is taken as it is.
std::string form_decoded(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    const int high = text.size() - i > 2 ? common::hex_digit(text[i + 1]) : -1;
    const int low = text.size() - i > 2 ? common::hex_digit(text[i + 2]) : -1;
    if (text[i] == '%' && high >= 0 && low >= 0) {
      out += static_cast<char>(high * 16 + low);
      i += 2;
    } else {
      out += text[i] == '+' ? ' ' : text[i];
    }
  }
  return out;
}

std::string_view without_blanks(std::string_view text) {
  const size_t begin = text.find_first_not_of(kBlanks);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kBlanks) - begin + 1);
}

// RFC 4648, 6; either case.
std::optional<common::InfoHash> info_hash_from_base32(std::string_view text) {
  if (text.size() != kBase32Digits) return std::nullopt;
  common::InfoHash hash;
  uint32_t bits = 0;
  unsigned held = 0;
  size_t at = 0;
  for (const char c : text) {
    uint32_t value = 0;
    if (c >= 'A' && c <= 'Z') {
      value = static_cast<uint32_t>(c - 'A');
    } else if (c >= 'a' && c <= 'z') {
      value = static_cast<uint32_t>(c - 'a');
    } else if (c >= '2' && c <= '7') {
      value = static_cast<uint32_t>(c - '2') + 26;
    } else {
      return std::nullopt;
    }
    bits = bits << 5 | value;
    held += 5;
    if (held < 8) continue;
    held -= 8;
    hash.bytes[at++] = static_cast<uint8_t>(bits >> held);
  }
  return hash;
}

std::optional<common::InfoHash> info_hash_in(std::string_view text) {
  constexpr std::string_view kUrn = "urn:btih:";
  if (const size_t urn = text.find(kUrn); urn != std::string_view::npos) {
    text = text.substr(urn + kUrn.size());
    text = text.substr(0, text.find('&'));
  }
  if (text.size() == kHexDigits) return common::info_hash_from_hex(text);
  return info_hash_from_base32(text);
}

}  // namespace

SwarmSearch swarm_search(std::string_view query) {
  SwarmSearch out;
  while (!query.empty()) {
    const proto::QueryPair pair = proto::take_query_pair(query);
    if (pair.key != "info_hash") continue;
    out.typed = without_blanks(form_decoded(pair.value));
    out.info_hash = info_hash_in(out.typed);
    break;
  }
  return out;
}

}  // namespace shoal::node
