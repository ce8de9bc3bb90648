#include "node/reloadable.h"

namespace shoal::node {

Options::Access reloaded_access(const Options::Access& running, const Options::Access& read) {
  Options::Access access = running;
  access.mode = read.mode;
  access.file = read.file;
  access.clients_allow = read.clients_allow;
  access.clients_deny = read.clients_deny;
  access.deny_networks = read.deny_networks;
  access.private_addresses = read.private_addresses;
  return access;
}

bool needs_restart(const Options& running, const Options& read) {
  Options reloaded = running;
  reloaded.sync.key_files = read.sync.key_files;
  reloaded.access = reloaded_access(running.access, read.access);
  return !(reloaded == read);
}

}  // namespace shoal::node
