#include "node/cli/check_config.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <iterator>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "node/config/option_values.h"
#include "node/lifecycle/start_warnings.h"
#include "node/net/sockets.h"
#include "node/os/privileges.h"
#include "node/os/surroundings.h"
#include "node/probe/client_socket.h"
#include "node/xdp/shield.h"

namespace shoal::node {

namespace {

using common::Endpoint;
using common::Family;

constexpr std::chrono::seconds kNamesPatience{5};
constexpr size_t kThreadsMax = 16;

const char* name_of(Family family) { return family == Family::v4 ? "IPv4" : "IPv6"; }

// Looks names up on several threads, which may outlive the object: a lookup cannot be cancelled.
class Lookups {
 public:
  explicit Lookups(std::vector<HostPort> peers) : shared_(std::make_shared<Shared>()) {
    shared_->results.resize(peers.size());
    shared_->peers = std::move(peers);
    const size_t threads = std::min(kThreadsMax, shared_->peers.size());
    for (size_t i = 0; i < threads; ++i) start_thread([shared = shared_] { look_up(*shared); }).detach();
  }

  using Result = common::Result<std::vector<Endpoint>>;

  // By peer; nothing where the resolver has not answered yet.
  std::vector<std::optional<Result>> results() const {
    std::unique_lock lock(shared_->mutex);
    shared_->changed.wait_for(lock, kNamesPatience, [&] { return shared_->done == shared_->peers.size(); });
    return shared_->results;
  }

 private:
  struct Shared {
    std::vector<HostPort> peers;
    std::mutex mutex;
    std::condition_variable changed;
    size_t next = 0;
    size_t done = 0;
    std::vector<std::optional<Result>> results;
  };

  static void look_up(Shared& shared) {
    std::unique_lock lock(shared.mutex);
    while (shared.next < shared.peers.size()) {
      const size_t i = shared.next++;
      lock.unlock();
      Result result = resolve(shared.peers[i], Transport::udp);
      lock.lock();
      shared.results[i] = std::move(result);
      ++shared.done;
      shared.changed.notify_one();
    }
  }

  const std::shared_ptr<Shared> shared_;
};

class Warnings {
 public:
  explicit Warnings(const Options& options) : options_(options) {}

  std::vector<std::string> all() && {
    user();
    addresses();
    shield();
    peers();
    return std::move(found_);
  }

 private:
  void add(const std::string& option, const std::string& text) { found_.push_back(option + ": " + text); }

  void user() {
    const std::string& user = options_.node.user;
    if (!user.empty() && !has_user(user)) add("node.user", "no such user: " + user);
  }

  void addresses() {
    const auto check = [&](const char* option, const Endpoint& address) {
      if (common::is_wildcard(address) || has_address(address)) return;
      add(option, common::to_string(address) + ": no interface of this machine has this address");
    };
    for (const Endpoint& address : options_.tracker.udp) check("tracker.udp", address);
    for (const Endpoint& address : options_.tracker.http) check("tracker.http", address);
    for (const Endpoint& address : options_.tracker.https) check("tracker.https", address);
    if (options_.sync.listen) check("sync.listen", *options_.sync.listen);
    if (options_.admin.listen) check("admin.listen", *options_.admin.listen);
    for (const MulticastGroup& group : options_.sync.multicast) {
      if (!group.interface.empty() && !has_interface(group.interface))
        add("sync.multicast", "no such interface: " + group.interface);
    }
  }

  void shield() {
    const std::vector<std::string>& interfaces = options_.xdp.interfaces;
    if (interfaces.empty()) return;
    if (!Shield::is_built())
      add("xdp.interfaces", "this shoal was built without clang or libbpf: the sockets will serve alone");
    for (const std::string& name : interfaces) {
      if (!has_interface(name)) add("xdp.interfaces", "no such interface: " + name);
    }
  }

  void peers() {
    if (!options_.sync.listen) return;
    const Family family = options_.sync.listen->family;
    const auto results = Lookups(options_.sync.peers).results();
    for (size_t i = 0; i < results.size(); ++i) {
      const std::string& host = options_.sync.peers[i].host;
      if (!results[i]) {
        add("sync.peers", host + ": the resolver does not answer");
      } else if (!*results[i]) {
        add("sync.peers", results[i]->error().message);
      } else if (std::none_of((*results[i])->begin(), (*results[i])->end(),
                              [&](const Endpoint& address) { return address.family == family; })) {
        add("sync.peers", host + ": has no " + name_of(family) + " address, the family of sync.listen");
      }
    }
  }

  const Options& options_;
  std::vector<std::string> found_;
};

void append(std::vector<std::string>& to, std::vector<std::string> more) {
  to.insert(to.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
}

}  // namespace

Findings check_config(const ResolvedOptions& resolved) {
  Findings found = check_files(resolved.options);
  found.errors.insert(found.errors.begin(), resolved.errors.begin(), resolved.errors.end());
  // Who checks a file is not who runs the node.
  append(found.warnings, start_warnings(resolved.options, false));
  append(found.warnings, Warnings(resolved.options).all());
  return found;
}

}  // namespace shoal::node
