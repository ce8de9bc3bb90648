#include "node/tracker/client_names.h"

namespace shoal::node {

namespace {

// A program, and the pairs of letters that stand for it in "-qB4650-............".
struct Program {
  std::string_view name;
  std::string_view codes;
};

constexpr std::array<Program, kClientNames> kPrograms = {{
    {"qBittorrent", "qB"},
    {"Transmission", "TR"},
    {"uTorrent", "UTUMUE"},
    {"uTorrent Web", "UW"},
    {"BitTorrent", "BT"},
    {"Deluge", "DE"},
    {"rTorrent", "lt"},
    {"libtorrent", "LT"},
    {"BiglyBT", "Bi"},
    {"Vuze", "AZ"},
    {"aria2", "A2"},
    {"KTorrent", "KT"},
    {"WebTorrent", "WWWD"},
    {"BitComet", "BC"},
    {"BitSpirit", "SP"},
    {"Xunlei", "XLSD"},
    {"FlashGet", "FG"},
    {"Tixati", "TX"},
    {"Folx", "FL"},
    {"FrostWire", "FW"},
    {"MediaGet", "MG"},
    {"Tribler", "TB"},
    {"BitLord", "BL"},
    {"Shareaza", "SZ"},
    {"anacrolix", "GT"},
    {"PicoTorrent", "PI"},
    {"LibreTorrent", "LR"},
    {"Mainline", ""},
    {"XBT", ""},
    {"shoal", "SH"},
    {"other", ""},
}};
constexpr size_t kMainline = 27;
constexpr size_t kXbt = 28;
constexpr size_t kOther = kClientNames - 1;
static_assert(kPrograms[kMainline].name == "Mainline" && kPrograms[kXbt].name == "XBT");

}  // namespace

std::string_view client_name(size_t number) { return kPrograms[number].name; }

size_t client_number(const std::array<uint8_t, 20>& peer_id) {
  const std::string_view id(reinterpret_cast<const char*>(peer_id.data()), peer_id.size());
  if (id[0] == '-' && id[7] == '-') {
    const std::string_view code = id.substr(1, 2);
    for (size_t number = 0; number < kClientNames; ++number) {
      const std::string_view codes = kPrograms[number].codes;
      for (size_t at = 0; at < codes.size(); at += 2) {
        if (codes.substr(at, 2) == code) return number;
      }
    }
    return kOther;
  }
  // Older forms: "M7-10-1--..." and "XBT054d-...".
  if (id[0] == 'M' && id[1] >= '0' && id[1] <= '9') return kMainline;
  return id.starts_with("XBT") ? kXbt : kOther;
}

}  // namespace shoal::node
