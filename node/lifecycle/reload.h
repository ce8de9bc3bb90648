// A reload in its first half: everything that is to be read is read and checked, and nothing is changed. What
// comes out either can be taken as a whole without failing, or says why not.

#pragma once

#include <functional>
#include <optional>
#include <string>
#include <tl/expected.hpp>
#include <vector>

#include "common/result.h"
#include "node/access/access_list.h"
#include "node/cluster/node_keys.h"
#include "node/config/options.h"
#include "node/config/reloadable.h"

namespace shoal::node {

struct Reload {
  Options options;  // what runs, with what may change
  OptionChanges changes;
  std::optional<NodeKeys> keys;  // none: the node has no key files
  std::string admin_token;       // empty: none
  AccessList access_list;
};

struct ReloadFailure {
  enum class Part : uint8_t { options, keys, access };
  Part part;
  std::string reason;
};

// `read` is the options as they are now. Any thread; takes as long as the files are large.
tl::expected<Reload, ReloadFailure> prepare_reload(const Options& running,
                                                   const std::function<common::Result<Options>()>& read);

}  // namespace shoal::node
