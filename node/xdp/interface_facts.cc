#include "node/xdp/interface_facts.h"

#include <fcntl.h>
#include <linux/ethtool.h>
#include <linux/if_vlan.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <memory>
#include <string_view>
#include <system_error>

namespace shoal::node {

namespace {

ifreq request_for(const std::string& interface) {
  ifreq request{};
  std::copy_n(interface.begin(), std::min(interface.size(), sizeof request.ifr_name - 1), request.ifr_name);
  return request;
}

bool ask_ethtool(int socket, const std::string& interface, void* question) {
  ifreq request = request_for(interface);
  request.ifr_data = static_cast<char*>(question);
  return ioctl(socket, SIOCETHTOOL, &request) == 0;
}

bool ask_vlan(int socket, const std::string& interface, vlan_ioctl_cmds what, vlan_ioctl_args& answer) {
  answer = {};
  answer.cmd = what;
  std::copy_n(interface.begin(), std::min(interface.size(), sizeof answer.device1 - 1), answer.device1);
  return ioctl(socket, SIOCGIFVLAN, &answer) == 0;
}

std::filesystem::path folder_of(const std::string& interface) {
  return std::filesystem::path("/sys/class/net") / interface;
}

}  // namespace

uint64_t hardware_address(int socket, const std::string& interface) {
  ifreq request = request_for(interface);
  uint64_t address = 0;
  if (ioctl(socket, SIOCGIFHWADDR, &request) == 0) std::memcpy(&address, request.ifr_hwaddr.sa_data, 6);
  return address;
}

std::string driver_of(int socket, const std::string& interface) {
  ethtool_drvinfo info{};
  info.cmd = ETHTOOL_GDRVINFO;
  if (!ask_ethtool(socket, interface, &info)) return {};
  return std::string(info.driver, strnlen(info.driver, sizeof info.driver));
}

bool has_hardware(const std::string& interface) {
  std::error_code error;
  return std::filesystem::exists(folder_of(interface) / "device", error);
}

bool strips_vlan_tags(int socket, const std::string& interface) {
  ethtool_value flags{};
  flags.cmd = ETHTOOL_GFLAGS;
  return ask_ethtool(socket, interface, &flags) && (flags.data & ETH_FLAG_RXVLAN) != 0;
}

FileDescriptor open_proc_net() {
  return FileDescriptor(::open("/proc/self/net", O_PATH | O_DIRECTORY | O_CLOEXEC));
}

std::vector<Vlan> vlans_of_machine(int socket, int proc_net) {
  std::vector<Vlan> vlans;
  // Where no interface has been one the question would make the kernel load a module.
  if (faccessat(proc_net, "vlan", F_OK, 0) != 0) return vlans;
  const std::unique_ptr<struct if_nameindex, void (*)(struct if_nameindex*)> names(if_nameindex(),
                                                                                   if_freenameindex);
  for (const struct if_nameindex* each = names.get(); each != nullptr && each->if_index != 0; ++each) {
    vlan_ioctl_args id;
    vlan_ioctl_args below;
    if (!ask_vlan(socket, each->if_name, GET_VLAN_VID_CMD, id) ||
        !ask_vlan(socket, each->if_name, GET_VLAN_REALDEV_NAME_CMD, below)) {
      continue;
    }
    vlans.push_back({each->if_name, below.u.device2, static_cast<uint16_t>(id.u.VID)});
  }
  return vlans;
}

Queues queues_of(const std::string& interface) {
  Queues queues;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(folder_of(interface) / "queues", error)) {
    ++(entry.path().filename().string().starts_with("rx-") ? queues.receive : queues.send);
  }
  return queues;
}

uint32_t mtu_of(int socket, const std::string& interface) {
  ifreq request = request_for(interface);
  return ioctl(socket, SIOCGIFMTU, &request) == 0 ? static_cast<uint32_t>(request.ifr_mtu) : 0;
}

}  // namespace shoal::node
