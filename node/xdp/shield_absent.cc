// Shield of a program that was built without clang or libbpf: it cannot be loaded, so there is never one.

#include "common/check.h"
#include "node/xdp/shield.h"

namespace shoal::node {

struct Shield::Parts {};

bool Shield::is_built() { return false; }

common::Result<std::unique_ptr<Shield>> Shield::load(const common::SipKey& /*secret*/,
                                                     std::span<const uint8_t> /*program*/) {
  return common::fail("this shoal was built without XDP (SHOAL_XDP: it takes clang and libbpf)");
}

Shield::Shield(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) { CHECK_INVARIANT(false); }
Shield::~Shield() = default;

common::Result<ShieldAttachment> Shield::attach(const std::string& /*interface*/, ShieldMode /*mode*/) {
  return common::fail("");
}
std::span<const ShieldAttachment> Shield::attached() const { return {}; }
bool Shield::is_attached(const std::string& /*interface*/) const { return false; }
void Shield::detach_all() {}
size_t Shield::set_addresses(std::span<const common::Endpoint> targets,
                             std::span<const common::Endpoint> /*no_clients*/) {
  return targets.size();
}
void Shield::set_keys(std::span<const common::SipKey> /*keys*/) {}
void Shield::set_unix_s(int64_t /*unix_s*/) {}
void Shield::set_rates(uint32_t /*per_s_per_address*/, uint32_t /*per_s_per_prefix*/, uint32_t /*workers*/) {}
void Shield::set_answers_connects(bool /*answers*/) {}
bool Shield::prepare_denied(const common::NetworkSet* /*denied*/, const common::NetworkSet* /*denied_too*/) {
  return false;
}
void Shield::use_denied() {}
bool Shield::leaves_denied_to_sockets(common::Family /*family*/) const { return true; }
bool Shield::ban(const ClientPrefix& /*client*/, uint64_t /*until_us*/) { return false; }
void Shield::unban(const ClientPrefix& /*client*/) {}
size_t Shield::banned() const { return 0; }
ShieldDecisions Shield::decisions() const { return {}; }
std::vector<Shield::OverRate> Shield::take_over_rate() { return {}; }
common::Result<Shield::Run> Shield::run(std::span<const uint8_t> /*frame*/, uint32_t /*repeat*/,
                                        bool /*unfinished_checksums*/) {
  return common::fail("");
}
void Shield::pretend(std::span<const std::array<uint8_t, 6>> /*hardware*/,
                     std::span<const uint16_t> /*vlans*/) {}

}  // namespace shoal::node
