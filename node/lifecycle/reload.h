// The first half of a reload: reads and checks everything, and changes nothing. The result either can be
// applied as a whole, which cannot fail, or says why not.

#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <tl/expected.hpp>
#include <vector>

#include "common/result.h"
#include "node/access/access_control.h"
#include "node/cluster/node_keys.h"
#include "node/config/options.h"
#include "node/config/reloadable.h"
#include "node/tls/tls_context.h"

namespace shoal::node {

struct Reload {
  Options options;  // those that run, with the new values of those that may change
  OptionChanges changes;
  std::optional<NodeKeys> keys;           // none: the node has no key files
  std::string admin_token;                // empty: none
  std::shared_ptr<const TlsContext> tls;  // null: no certificates are named
  AccessFiles access_files;
  std::vector<std::string> warnings;  // of start_warnings(), and about `tls`
};

struct ReloadFailure {
  enum class Part : uint8_t { options, keys, certificates, access };
  Part part;
  std::string reason;
};

// `running_tls`: what serves now; null: nothing. A certificate that has expired is refused, unless it serves
// already: then it stops no other change. `read` reads the options anew. Any thread; takes time in proportion
// to the size of the files.
tl::expected<Reload, ReloadFailure> prepare_reload(const Options& running, const TlsContext* running_tls,
                                                   const std::function<common::Result<Options>()>& read);

}  // namespace shoal::node
