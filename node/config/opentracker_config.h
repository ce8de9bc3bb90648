// opentracker.conf as a shoal.toml, for `shoal config --from-opentracker`. Pure.

#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace shoal::node {

constexpr size_t kOpentrackerConfigBytesMax = 1 << 20;

struct TranslatedConfig {
  std::string toml;  // every line of the file is in a comment: what it became, or why it has no effect
  // What the operator should look at: a line each, which begins with options; also comments of `toml`.
  std::vector<std::string> hints;
};

// Who starts the node: an operator by hand, or shoal.service, which has a user, a sandbox
// and a folder for state of its own. The service's node has no node.user, no node.chroot, the paths that
// files have outside of tracker.rootdir, and a snapshot.
enum class StartedBy { hand, service };

// `text`: the file, at most kOpentrackerConfigBytesMax, with any bytes in it. Lines that opentracker would
// not understand either become comments, like those without a counterpart. Values that are allowed one by one
// may still contradict each other: check the result.
TranslatedConfig translate_opentracker_config(std::string_view text, StartedBy by = StartedBy::hand);

}  // namespace shoal::node
