#include "node/net/port_owner.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cinttypes>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string_view>
#include <system_error>

#include "node/text/printable.h"

namespace shoal::node {

using common::Endpoint;
using common::Family;

namespace {

constexpr unsigned kTcpListens = 0x0a;

struct Listener {
  Endpoint local;
  unsigned uid = 0;
  uint64_t inode = 0;
};

// The address of /proc/net: 32-bit words, each in the byte order of this machine.
std::optional<Endpoint> table_address(std::string_view hex, unsigned port) {
  std::array<uint32_t, 4> words{};
  if (hex.size() != 8 && hex.size() != 32) return std::nullopt;
  for (size_t i = 0; i < hex.size() / 8; ++i) {
    const char* word = hex.data() + 8 * i;
    std::from_chars(word, word + 8, words[i], 16);
  }
  const auto* bytes = reinterpret_cast<const uint8_t*>(words.data());
  return common::make_endpoint({bytes, hex.size() / 2}, static_cast<uint16_t>(port));
}

// A line of /proc/net/tcp, udp, tcp6 or udp6; nothing if it does not listen.
std::optional<Listener> listener_in(const std::string& line, Transport transport) {
  char address[40];
  unsigned port = 0;
  unsigned state = 0;
  Listener found;
  // sl local_address remote_address state tx_queue:rx_queue tr:when retransmits uid timeout inode
  const int fields = std::sscanf(
      line.c_str(), " %*u: %32[0-9A-Fa-f]:%x %*[0-9A-Fa-f]:%*x %x %*x:%*x %*x:%*x %*x %u %*d %" SCNu64,
      address, &port, &state, &found.uid, &found.inode);
  if (fields != 5 || (transport == Transport::tcp && state != kTcpListens)) return std::nullopt;
  const auto local = table_address(address, port);
  if (!local) return std::nullopt;
  found.local = *local;
  return found;
}

// A wildcard address includes the others of its family; [::] may include IPv4.
bool overlap(const Endpoint& wanted, const Endpoint& taken) {
  if (wanted.port != taken.port) return false;
  if (wanted.family != taken.family) return wanted.family == Family::v4 && common::is_wildcard(taken);
  return wanted == taken || common::is_wildcard(wanted) || common::is_wildcard(taken);
}

std::optional<Listener> listener_at(const Endpoint& address, Transport transport) {
  const std::string table = transport == Transport::tcp ? "/proc/net/tcp" : "/proc/net/udp";
  for (const char* family : {"", "6"}) {
    std::ifstream file(table + family);
    for (std::string line; std::getline(file, line);) {
      const auto found = listener_in(line, transport);
      if (found && overlap(address, found->local)) return found;
    }
  }
  return std::nullopt;
}

// The process that holds the socket, as its folder in /proc; empty: not to be seen.
std::filesystem::path holder_of(uint64_t inode) {
  const std::string wanted = "socket:[" + std::to_string(inode) + "]";
  std::error_code error;
  for (const auto& process : std::filesystem::directory_iterator("/proc", error)) {
    const std::string name = process.path().filename();
    if (!std::all_of(name.begin(), name.end(), [](char c) { return c >= '0' && c <= '9'; })) continue;
    std::error_code hidden;
    for (const auto& file : std::filesystem::directory_iterator(process.path() / "fd", hidden)) {
      if (std::filesystem::read_symlink(file.path(), hidden) == wanted) return process.path();
    }
  }
  return {};
}

}  // namespace

std::string port_owner(const Endpoint& address, Transport transport) {
  const auto listener = listener_at(address, transport);
  if (!listener) return "";
  const std::filesystem::path process = holder_of(listener->inode);
  if (process.empty()) return "a process of user " + std::to_string(listener->uid);
  std::string name;
  std::ifstream file(process / "comm");
  std::getline(file, name);
  return printable(name) + " (pid " + process.filename().string() + ")";
}

}  // namespace shoal::node
