#include "node/config/reloadable.h"

#include <algorithm>

#include "node/config/resolve_options.h"

namespace shoal::node {

OptionChanges changes_between(const Options& running, const Options& read) {
  OptionChanges changes;
  for (const Option& option : option_table()) {
    if (option.same(running, read)) continue;
    (option.reloadable() ? changes.reloadable : changes.need_restart).emplace_back(option.key);
    const bool known =
        std::find(changes.apply.begin(), changes.apply.end(), option.apply) != changes.apply.end();
    if (option.reloadable() && !known) changes.apply.push_back(option.apply);
  }
  return changes;
}

common::Result<Options> reloaded_options(const Options& running, const Options& read) {
  Options options = running;
  for (const Option& option : option_table()) {
    if (option.reloadable()) option.copy(options, read);
  }
  if (auto fits = check_options(options); !fits) {
    return common::fail("not without a restart, which " +
                        joined_keys(changes_between(running, read).need_restart) +
                        " needs: " + fits.error().message);
  }
  return options;
}

std::string joined_keys(const std::vector<std::string>& keys) {
  std::string text;
  for (const std::string& key : keys) text += (text.empty() ? "" : ", ") + key;
  return text;
}

}  // namespace shoal::node
