#include "node/lifecycle/reload.h"

#include <unistd.h>

#include <ctime>
#include <utility>

#include "node/access/access_control.h"
#include "node/admin/admin_token.h"
#include "node/feeds/feeds.h"
#include "node/lifecycle/confine.h"
#include "node/lifecycle/start_warnings.h"
#include "node/os/atomic_file.h"
#include "node/text/printable.h"

namespace shoal::node {

using Part = ReloadFailure::Part;

tl::expected<Reload, ReloadFailure> prepare_reload(const Options& running, const TlsContext* running_tls,
                                                   const std::function<common::Result<Options>()>& read) {
  const auto failed = [](Part part, std::string reason) {
    return tl::make_unexpected(ReloadFailure{part, std::move(reason)});
  };
  const auto options = read();
  if (!options) return failed(Part::options, options.error().message);
  // Whether a node has keys at all is decided at start.
  if (options->sync.key_files.empty() != running.sync.key_files.empty()) {
    return failed(Part::keys, "sync.key_files: from none to some or back needs a restart");
  }
  Reload reload;
  reload.changes = changes_between(running, *options);
  auto merged = reloaded_options(running, *options);
  if (!merged) return failed(Part::options, merged.error().message);
  reload.options = std::move(*merged);
  if (!reload.options.sync.key_files.empty()) {
    auto keys = load_node_keys(reload.options);
    if (!keys) return failed(Part::keys, keys.error().message);
    reload.keys = std::move(*keys);
  }
  auto tls = TlsContext::load(reload.options);
  if (!tls) return failed(Part::certificates, tls.error().message);
  reload.tls = std::move(*tls);
  if (reload.tls) {
    const auto current = check_dates(*reload.tls, running_tls, std::time(nullptr));
    if (!current) return failed(Part::certificates, current.error().message);
  }
  if (!reload.options.admin.token_file.empty()) {
    auto token = load_admin_token(reload.options.admin.token_file);
    if (!token) return failed(Part::options, "admin.token_file: " + token.error().message);
    reload.admin_token = std::move(*token);
  }
  const std::string& export_file = reload.options.admin.export_file;
  if (!export_file.empty()) {
    const auto usable = check_replaceable("admin.export_file", export_file);
    if (!usable) return failed(Part::options, usable.error().message);
    if (!may_write_into(folder_of(export_file))) {
      return failed(Part::options, "admin.export_file: this process has given up to write into " +
                                       printable(folder_of(export_file)) +
                                       " (node.confine_files): a new folder needs a restart");
    }
  }
  if (auto usable = Feeds::check_library(reload.options.access); !usable)
    return failed(Part::access, usable.error().message);
  auto files = AccessControl::load_files(reload.options.access);
  if (!files) return failed(Part::access, files.error().message);
  reload.access_files = std::move(*files);
  reload.warnings = start_warnings(reload.options, geteuid() == 0);
  if (reload.tls) {
    for (const TlsCertificateInfo& one : reload.tls->certificates()) warn_of_slow_key(one, reload.warnings);
  }
  return reload;
}

}  // namespace shoal::node
