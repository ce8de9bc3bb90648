// Requests to the admin API (path and query, one line) and the file of its token (a text). What is accepted
// reads back the same from its plain form.

#include <string>
#include <string_view>

#include "common/check.h"
#include "node/admin/admin_query.h"
#include "node/admin/admin_token.h"

using namespace shoal;

namespace {

void check_hashes(std::string_view query) {
  const auto hashes = node::hashes_of(query);
  if (!hashes) {
    for (const char c : hashes.error().message) CHECK_INVARIANT(c >= 0x20 && c < 0x7f);
    return;
  }
  CHECK_INVARIANT(hashes->size() <= node::kAdminHashesMax);
  std::string plain;
  for (const common::InfoHash& hash : *hashes) plain += "&hash=" + common::to_hex(hash);
  if (!plain.empty()) plain.erase(0, 1);
  const auto again = node::hashes_of(plain);
  CHECK_INVARIANT(again && *again == *hashes);
  if (hashes->size() < node::kAdminHashesMax) CHECK_INVARIANT(!node::hashes_of(plain + "&hash=x"));
}

void check_number(std::string_view query) {
  const auto number = node::number_of(query, "peers", 200, 20);
  if (!number) return;
  CHECK_INVARIANT(*number <= 200);
  if (query.empty()) {
    CHECK_INVARIANT(*number == 20);
  } else {
    CHECK_INVARIANT(query.starts_with("peers="));
    CHECK_INVARIANT(node::number_of("peers=" + std::to_string(*number), "peers", 200, 20) == number);
  }
}

void check_swarm(std::string_view path) {
  const auto hash = node::swarm_of(path);
  if (!hash) return;
  CHECK_INVARIANT(path.size() == node::kSwarmsPath.size() + 40);
  CHECK_INVARIANT(node::swarm_of(std::string(node::kSwarmsPath) + common::to_hex(*hash)) == hash);
}

void check_token(std::string_view text) {
  const auto token = node::parse_admin_token("FILE", text);
  if (!token) {
    CHECK_INVARIANT(token.error().message.starts_with("FILE: "));
    return;
  }
  CHECK_INVARIANT(token->size() >= node::kAdminTokenBytesMin && token->size() <= node::kAdminTokenBytesMax);
  for (const char c : *token) CHECK_INVARIANT(c > 0x20 && c < 0x7f);
  const auto again = node::parse_admin_token("FILE", "# a comment\r\n\n" + *token + "\r\n");
  CHECK_INVARIANT(again && *again == *token);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  check_token(text);
  const std::string_view target = text.substr(0, text.find('\n'));
  const size_t question = target.find('?');
  check_swarm(target.substr(0, question));
  if (question == std::string_view::npos) return 0;
  check_hashes(target.substr(question + 1));
  check_number(target.substr(question + 1));
  return 0;
}
