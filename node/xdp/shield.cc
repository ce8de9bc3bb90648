#include "node/xdp/shield.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/if_link.h>
#include <linux/membarrier.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <limits>
#include <set>
#include <utility>

#include "common/check.h"
#include "node/limits/rate_table.h"
#include "node/limits/stale_id_answers.h"
#include "node/os/file_descriptor.h"
#include "node/os/monotonic.h"
#include "node/xdp/interface_facts.h"
#include "node/xdp/libbpf_words.h"
#include "node/xdp/mapped_values.h"
#include "node/xdp/shield_program.h"
#include "node/xdp/shield_slots.h"
#include "sync/ban_log.h"

namespace shoal::node {

using common::Endpoint;
using common::fail;
using common::Family;
using common::Result;

namespace {

constexpr uint32_t kTtlDefault = 64;

// The program does as the sockets do.
static_assert(SHIELD_STALE_PER_S == StaleIdAnswers::kPerS &&
              SHIELD_STALE_PER_NETWORK_PER_S == StaleIdAnswers::kPerNetworkPerS &&
              SHIELD_STALE_FLOOD_PER_S == StaleIdAnswers::kFloodPerS &&
              SHIELD_STALE_NETWORKS == StaleIdAnswers::kNetworks);
static_assert(SHIELD_RATE_SETS * SHIELD_RATE_WAYS == RateTable::kClients &&
              SHIELD_RATE_BURST_US == RateTable::kBurstUs);
static_assert(SHIELD_BANNED_MAX == sync::BanLog::kChangesMax);

// A configuration that was replaced so long ago is read by no program any more.
constexpr uint64_t kConfigRestUs = 1'000'000;

// All programs that ran when it was called have ended when it returns. Where the system call is forbidden:
// almost certainly, for they run for a microsecond.
void wait_for_programs() {
  if (syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0) != 0) usleep(1000);
}

template <class T>
void store_live(T& at, T value) {
  std::atomic_ref<T>(at).store(value, std::memory_order_release);
}

size_t index_of(Family family) { return family == Family::v4 ? SHIELD_V4 : SHIELD_V6; }

// As RateTable's.
uint32_t cost_us(uint32_t per_s) { return per_s == 0 ? 0 : (1'000'000 + per_s / 2) / per_s; }

// What a new socket sends with: the namespace's own setting, also where /proc/sys is hidden.
uint32_t hops_of(int domain, int level, int option) {
  const FileDescriptor socket(::socket(domain, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  int hops = 0;
  socklen_t size = sizeof hops;
  const bool told = getsockopt(socket.get(), level, option, &hops, &size) == 0;
  return told && hops > 0 && hops < 256 ? static_cast<uint32_t>(hops) : kTtlDefault;
}

}  // namespace

struct Shield::Parts {
  struct Close {
    void operator()(bpf_object* object) const { bpf_object__close(object); }
  };

  std::unique_ptr<bpf_object, Close> object;
  FileDescriptor socket;    // for questions about interfaces
  FileDescriptor proc_net;  // for the same
  int program = -1;
  int local_program = -1;
  int counts = -1;
  std::array<int, SHIELD_FAMILIES> bans{-1, -1};
  MappedValues<shield_memory> shared;  // one
  shield_memory* memory = nullptr;     // that
  MappedValues<shield_denied_v4> denied_v4;
  MappedValues<shield_denied_v6> denied_v6;

  std::unique_ptr<shield_config> config = std::make_unique<shield_config>();  // what publish() makes visible
  std::array<uint64_t, SHIELD_CONFIGS> retired_us{};

  std::vector<ShieldAttachment> attachments;
  std::vector<FileDescriptor> links;  // of the attachments
  std::vector<unsigned> indexes;      // of their interfaces, whose names may change
  std::vector<uint64_t> pretended_hardware;
  std::vector<uint16_t> pretended_vlans;

  uint64_t denied_next = 0;  // as shield_live's
  std::array<bool, SHIELD_FAMILIES> leaves_next{};
  std::array<bool, SHIELD_FAMILIES> leaves{};
  std::array<size_t, SHIELD_FAMILIES> banned{};

  bool open_maps();
  void publish();
  void read_interfaces();
  std::string why_not_native(const std::string& interface) const;
  // -1: not attached, with the reason.
  int link(unsigned index, const std::string& interface, ShieldMode mode, std::string& why);
};

bool Shield::Parts::open_maps() {
  const auto map = [&](const char* name) { return bpf_object__find_map_fd_by_name(object.get(), name); };
  counts = map("counts");
  bans = {map("banned_v4"), map("banned_v6")};
  denied_v4 = MappedValues<shield_denied_v4>(map("denied_v4"), 2);
  denied_v6 = MappedValues<shield_denied_v6>(map("denied_v6"), 2);
  bpf_map* each = nullptr;
  bpf_object__for_each_map(each, object.get()) {
    if (!bpf_map__is_internal(each)) continue;
    if (bpf_map__value_size(each) != sizeof(shield_memory)) continue;
    shared = MappedValues<shield_memory>(bpf_map__fd(each), 1);
    if (shared) memory = &shared[0];
  }
  program = bpf_program__fd(bpf_object__find_program_by_name(object.get(), "shield"));
  local_program = bpf_program__fd(bpf_object__find_program_by_name(object.get(), "shield_local"));
  return counts >= 0 && bans[0] >= 0 && bans[1] >= 0 && denied_v4 && denied_v6 && memory != nullptr &&
         program >= 0 && local_program >= 0;
}

void Shield::Parts::publish() {
  const uint32_t now = memory->live.config;
  const uint32_t then = (now + 1) % SHIELD_CONFIGS;
  const auto now_us = static_cast<uint64_t>(monotonic_us());
  if (retired_us[then] != 0 && now_us - retired_us[then] < kConfigRestUs) wait_for_programs();
  memory->configs[then] = *config;
  store_live(memory->live.config, then);
  retired_us[now] = now_us;
}

void Shield::Parts::read_interfaces() {
  std::vector<uint64_t> hardware = pretended_hardware;
  for (size_t i = 0; i < attachments.size(); ++i) {
    std::array<char, IF_NAMESIZE> now{};
    if (if_indextoname(indexes[i], now.data()) == nullptr) continue;
    // Its answers would lose their tags: without its address all of it is left to the sockets.
    if (attachments[i].mode == ShieldMode::native && !why_not_native(now.data()).empty()) continue;
    hardware.push_back(hardware_address(socket.get(), now.data()));
  }
  config->hardware_count = static_cast<uint32_t>(std::min<size_t>(hardware.size(), SHIELD_INTERFACES_MAX));
  std::copy_n(hardware.begin(), config->hardware_count, config->hardware);
  std::fill(std::begin(config->vlans), std::end(config->vlans), 0);
  const auto add = [&](uint16_t id) {
    if (id % 4096 != 0) config->vlans[id % 4096 / 64] |= uint64_t{1} << (id % 64);
  };
  for (const uint16_t id : pretended_vlans) add(id);
  if (attachments.empty()) return;
  for (const Vlan& vlan : vlans_of_machine(socket.get(), proc_net.get())) add(vlan.id);
}

bool Shield::is_built() { return true; }

Result<std::unique_ptr<Shield>> Shield::load(const common::SipKey& secret, std::span<const uint8_t> program) {
  if (std::string why = why_too_old(); !why.empty()) return fail(std::move(why));
  const LibbpfWords words;
  if (program.empty()) program = shield_program();
  auto parts = std::make_unique<Parts>();
  parts->object.reset(bpf_object__open_mem(program.data(), program.size(), nullptr));
  if (!parts->object) return fail(why_not_loaded(errno, words));
  if (const int error = bpf_object__load(parts->object.get()); error != 0) {
    return fail(why_not_loaded(-error, words));
  }
  if (!parts->open_maps()) return fail(why_not_loaded(errno, words));
  (void)libbpf_num_possible_cpus();  // it reads a file once, and remembers
  parts->socket = FileDescriptor(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  parts->proc_net = open_proc_net();
  shield_config& config = *parts->config;
  for (uint8_t i = 0; i < 2; ++i) config.rate_secret[i] = common::siphash(secret, std::array{i}) | 1;
  config.address_factor = 1;
  config.answers_connects = 1;
  config.checks_ids = 1;
  config.workers = 1;
  config.ttl_v4 = hops_of(AF_INET, IPPROTO_IP, IP_TTL);
  config.hops_v6 = hops_of(AF_INET6, IPPROTO_IPV6, IPV6_UNICAST_HOPS);
  parts->publish();
  return std::unique_ptr<Shield>(new Shield(std::move(parts)));
}

Shield::Shield(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
Shield::~Shield() = default;

// Which native XDP would do wrong, or badly, without any word of the driver.
std::string Shield::Parts::why_not_native(const std::string& interface) const {
  const std::vector<Vlan> vlans = vlans_of_machine(socket.get(), proc_net.get());
  const auto above =
      std::find_if(vlans.begin(), vlans.end(), [&](const Vlan& vlan) { return vlan.below == interface; });
  if (above == vlans.end()) return {};
  // veth hands the tag over beside the frame whatever this side is set to.
  const bool is_veth = driver_of(socket.get(), interface) == "veth";
  if (!is_veth && !strips_vlan_tags(socket.get(), interface)) return {};
  return "it takes the VLAN tags of " + above->interface + " off before XDP sees them" +
         (is_veth ? "" : ": ethtool -K " + interface + " rxvlan off");
}

int Shield::Parts::link(unsigned index, const std::string& interface, ShieldMode mode, std::string& why) {
  const bool native = mode == ShieldMode::native;
  const std::string driver = driver_of(socket.get(), interface);
  // Where a frame comes from another sender on this machine its checksum may be unfinished; virtio's host
  // finishes it if XDP is in the driver.
  const bool local = !has_hardware(interface) || driver == "vif" || driver == "hv_netvsc" ||
                     (driver == "virtio_net" && !native);
  const int fd = local ? local_program : program;
  const uint32_t flags = native ? XDP_FLAGS_DRV_MODE : XDP_FLAGS_SKB_MODE;
  bpf_link_create_opts options{};
  options.sz = sizeof options;
  options.flags = flags;
  const int link = bpf_link_create(fd, static_cast<int>(index), BPF_XDP, &options);
  if (link >= 0) return link;
  const int error = -link;
  const std::string missing = missing_capabilities();
  if ((error == EPERM || error == EACCES) && !missing.empty()) {
    why = "no privilege: shoal lacks " + missing;
    return -1;
  }
  if (error == EBUSY || error == EEXIST) {
    uint32_t id = 0;
    bpf_xdp_query_id(static_cast<int>(index), 0, &id);
    why = "another XDP program is there (id " + std::to_string(id) + "; `bpftool net` shows it)";
    return -1;
  }
  // A link's refusal has a number only; the older way has the driver's words.
  const LibbpfWords words;
  if (bpf_xdp_attach(static_cast<int>(index), fd, flags | XDP_FLAGS_UPDATE_IF_NOEXIST, nullptr) == 0) {
    bpf_xdp_detach(static_cast<int>(index), flags, nullptr);
  }
  const std::string said = words.after("Kernel error message: ");
  why = "driver " + (driver.empty() ? "unknown" : driver) +
        " refuses: " + (said.empty() ? std::strerror(error) : said) + " (MTU " +
        std::to_string(mtu_of(socket.get(), interface)) + ")";
  return -1;
}

Result<ShieldAttachment> Shield::attach(const std::string& interface, ShieldMode mode) {
  Parts& parts = *parts_;
  const unsigned index = if_nametoindex(interface.c_str());
  if (index == 0) return fail("no such interface");
  if (parts.attachments.size() == kInterfacesMax) {
    return fail("no more than " + std::to_string(kInterfacesMax) + " interfaces");
  }
  ShieldAttachment attachment{interface, mode, ""};
  std::string why;
  int link = -1;
  if (mode != ShieldMode::generic) {
    attachment.mode = ShieldMode::native;
    why = parts.why_not_native(interface);
    if (why.empty()) link = parts.link(index, interface, ShieldMode::native, why);
    if (link < 0) attachment.note = "not native: " + why;
  }
  if (link < 0 && mode != ShieldMode::native) {
    attachment.mode = ShieldMode::generic;
    link = parts.link(index, interface, ShieldMode::generic, why);
  }
  if (link < 0) return fail(why);
  const Queues queues = queues_of(interface);
  if (attachment.mode == ShieldMode::native && driver_of(parts.socket.get(), interface) == "virtio_net" &&
      queues.send < queues.receive + static_cast<size_t>(sysconf(_SC_NPROCESSORS_ONLN))) {
    attachment.note = "virtio_net has " + std::to_string(queues.send) +
                      " queues to send, too few to have one for each CPU: answers share them, and are slower";
  }
  parts.links.emplace_back(link);
  parts.indexes.push_back(index);
  parts.attachments.push_back(attachment);
  parts.read_interfaces();
  parts.publish();
  return attachment;
}

std::span<const ShieldAttachment> Shield::attached() const { return parts_->attachments; }

bool Shield::is_attached(const std::string& interface) const {
  for (size_t i = 0; i < parts_->attachments.size(); ++i) {
    if (parts_->attachments[i].interface != interface) continue;
    bpf_link_info info{};
    uint32_t size = sizeof info;
    return bpf_obj_get_info_by_fd(parts_->links[i].get(), &info, &size) == 0 && info.xdp.ifindex != 0;
  }
  return false;
}

void Shield::detach_all() {
  parts_->links.clear();
  parts_->indexes.clear();
  parts_->attachments.clear();
}

void Shield::pretend(std::span<const std::array<uint8_t, 6>> hardware, std::span<const uint16_t> vlans) {
  parts_->pretended_hardware.clear();
  for (const auto& address : hardware) {
    uint64_t word = 0;
    std::memcpy(&word, address.data(), address.size());
    parts_->pretended_hardware.push_back(word);
  }
  parts_->pretended_vlans.assign(vlans.begin(), vlans.end());
  parts_->read_interfaces();
  parts_->publish();
}

size_t Shield::set_addresses(std::span<const Endpoint> targets, std::span<const Endpoint> no_clients) {
  // Ports do not count of the latter. A set: an address may be named twice.
  std::array<std::set<Endpoint>, SHIELD_FAMILIES> taken;
  std::vector<std::pair<Endpoint, uint16_t>> all;
  size_t left_out = 0;
  const auto take = [&](const Endpoint& endpoint, uint16_t use) {
    std::set<Endpoint>& family = taken[index_of(endpoint.family)];
    if (family.contains(endpoint)) return;
    if (family.size() == kAddressesMax) {
      left_out += use == SHIELD_TARGET ? 1 : 0;
      return;
    }
    family.insert(endpoint);
    all.emplace_back(endpoint, use);
  };
  // These first: without them a target would be answered that the kernel would not.
  for (Endpoint address : no_clients) {
    address.port = 0;
    take(address, SHIELD_NO_CLIENT);
  }
  for (const Endpoint& target : targets) take(target, SHIELD_TARGET);

  std::vector<Endpoint> endpoints;
  endpoints.reserve(all.size());
  for (const auto& [endpoint, use] : all) endpoints.push_back(endpoint);
  shield_config& config = *parts_->config;
  config.address_factor = factor_for(endpoints);
  CHECK_INVARIANT(config.address_factor != 0);
  std::fill(std::begin(config.v4), std::end(config.v4), shield_address_v4{});
  std::fill(std::begin(config.v6), std::end(config.v6), shield_address_v6{});
  for (const auto& [endpoint, use] : all) {
    const uint32_t slot = slot_of(config.address_factor, endpoint);
    const uint16_t port = network_order(endpoint.port);
    if (endpoint.family == Family::v4) {
      config.v4[slot] = {v4_word(endpoint), port, use};
    } else {
      const std::array<uint64_t, 2> address = v6_words(endpoint);
      config.v6[slot] = {{address[0], address[1]}, port, use, 0};
    }
  }
  parts_->read_interfaces();
  parts_->publish();
  return left_out;
}

void Shield::set_keys(std::span<const common::SipKey> keys) {
  shield_config& config = *parts_->config;
  const size_t count = std::min(keys.size(), kKeysMax);
  for (size_t i = 0; i < count; ++i) std::memcpy(config.keys[i], keys[i].data(), sizeof config.keys[i]);
  config.key_count = static_cast<uint32_t>(count);
  config.checks_ids = keys.size() <= kKeysMax ? 1 : 0;
  parts_->publish();
}

void Shield::set_unix_s(int64_t unix_s) {
  store_live(parts_->memory->live.unix_s, static_cast<uint64_t>(std::max<int64_t>(unix_s, 0)));
}

void Shield::set_rates(uint32_t per_s_per_address, uint32_t per_s_per_prefix, uint32_t workers) {
  shield_config& config = *parts_->config;
  config.address_cost_us = cost_us(per_s_per_address);
  config.prefix_cost_us = cost_us(per_s_per_prefix);
  config.workers = workers;
  parts_->publish();
}

void Shield::set_answers_connects(bool answers) {
  parts_->config->answers_connects = answers ? 1 : 0;
  parts_->publish();
}

bool Shield::prepare_denied(const common::NetworkSet* denied, const common::NetworkSet* denied_too) {
  Parts& parts = *parts_;
  const uint32_t set = 1 - SHIELD_DENIED_SET(parts.memory->live.denied);
  common::NetworkSet::Builder all;
  for (const common::NetworkSet* set : {denied, denied_too}) {
    if (set != nullptr) all.add(*set);
  }
  const common::NetworkSet joined(std::move(all));
  std::vector<uint32_t> v4 = joined.v4_bounds();
  std::vector<std::pair<uint64_t, uint64_t>> v6 = joined.v6_bounds();
  parts.leaves_next = {v4.size() > SHIELD_V4_BOUNDS_MAX, v6.size() > SHIELD_V6_BOUNDS_MAX};
  if (parts.leaves_next[SHIELD_V4]) v4.clear();
  if (parts.leaves_next[SHIELD_V6]) v6.clear();
  if (!v4.empty() || !v6.empty()) wait_for_programs();
  if (!v4.empty()) {
    uint32_t* words = parts.denied_v4[set].words;
    size_t bound = 0;
    for (uint64_t upper = 0; upper <= 65536; ++upper) {
      while (bound < v4.size() && v4[bound] < upper << 16) ++bound;
      words[upper] = static_cast<uint32_t>(SHIELD_V4_BOUNDS_AT + bound);
    }
    std::copy(v4.begin(), v4.end(), words + SHIELD_V4_BOUNDS_AT);
  }
  for (size_t i = 0; i < v6.size(); ++i) parts.denied_v6[set].bounds[i] = {v6[i].first, v6[i].second};
  parts.denied_next = uint64_t{set} << 32 | (v4.empty() ? 0 : uint64_t{1} << 33) | v6.size();
  return !parts.leaves_next[SHIELD_V4] && !parts.leaves_next[SHIELD_V6];
}

void Shield::use_denied() {
  store_live(parts_->memory->live.denied, parts_->denied_next);
  parts_->leaves = parts_->leaves_next;
}

bool Shield::leaves_denied_to_sockets(Family family) const { return parts_->leaves[index_of(family)]; }

bool Shield::ban(const ClientPrefix& client, uint64_t until_us) {
  const size_t family = index_of(static_cast<Family>(client[0]));
  const uint64_t until_ns = until_us * 1000;
  const int map = parts_->bans[family];
  int error = bpf_map_update_elem(map, client.data() + 1, &until_ns, BPF_NOEXIST);
  if (error == 0) {
    ++parts_->banned[family];
    store_live<uint32_t>(parts_->memory->live.banned, 1);
  } else if (error == -EEXIST) {
    error = bpf_map_update_elem(map, client.data() + 1, &until_ns, BPF_EXIST);
  }
  return error == 0;
}

void Shield::unban(const ClientPrefix& client) {
  const size_t family = index_of(static_cast<Family>(client[0]));
  if (bpf_map_delete_elem(parts_->bans[family], client.data() + 1) != 0) return;
  --parts_->banned[family];
  store_live<uint32_t>(parts_->memory->live.banned, banned() > 0 ? 1 : 0);
}

size_t Shield::banned() const { return parts_->banned[SHIELD_V4] + parts_->banned[SHIELD_V6]; }

ShieldDecisions Shield::decisions() const {
  ShieldDecisions sums;
  std::vector<shield_counts> counts(static_cast<size_t>(std::max(libbpf_num_possible_cpus(), 1)));
  const uint32_t zero = 0;
  if (bpf_map_lookup_elem(parts_->counts, &zero, counts.data()) != 0) return sums;
  for (const shield_counts& cpu : counts) {
    for (size_t family = 0; family < SHIELD_FAMILIES; ++family) {
      sums[family].bytes += cpu.bytes[family];
      for (size_t i = 0; i < kShieldDecisions; ++i) sums[family].packets[i] += cpu.packets[family][i];
    }
  }
  return sums;
}

std::vector<Shield::OverRate> Shield::take_over_rate() {
  std::vector<OverRate> taken;
  for (shield_over_rate& slot : parts_->memory->over_rate) {
    const uint64_t key = std::atomic_ref(slot.client).load(std::memory_order_relaxed);
    if (key == 0) continue;
    const uint64_t requests = std::atomic_ref(slot.requests).exchange(0);
    // A request that is dropped right now may be counted for the next client in this place.
    std::atomic_ref(slot.client).store(0);
    if (requests == 0) continue;
    OverRate& one = taken.emplace_back(OverRate{{}, requests});
    const bool v4 = static_cast<uint32_t>(key) == static_cast<uint32_t>(shield_client_key(0, 0));
    const uint64_t address = v4 ? key >> 32 : key;
    one.client[0] = static_cast<uint8_t>(v4 ? Family::v4 : Family::v6);
    std::memcpy(&one.client[1], &address, v4 ? 4 : 8);
  }
  return taken;
}

Result<Shield::Run> Shield::run(std::span<const uint8_t> frame, uint32_t repeat, bool unfinished_checksums) {
  Run run;
  run.frame.resize(frame.size() + 256);
  bpf_test_run_opts options{};
  options.sz = sizeof options;
  options.data_in = frame.data();
  options.data_out = run.frame.data();
  options.data_size_in = static_cast<uint32_t>(frame.size());
  options.data_size_out = static_cast<uint32_t>(run.frame.size());
  options.repeat = static_cast<int>(repeat);
  if (const int error =
          bpf_prog_test_run_opts(unfinished_checksums ? parts_->local_program : parts_->program, &options);
      error != 0) {
    return fail(std::string("BPF_PROG_TEST_RUN: ") + std::strerror(-error));
  }
  run.frame.resize(options.data_size_out);
  run.ns = options.duration;
  run.verdict = static_cast<Verdict>(options.retval);
  return run;
}

}  // namespace shoal::node
