#include "node/lifecycle/run_node.h"

#include <utility>

#include "common/log.h"
#include "node/lifecycle/running_node.h"

namespace shoal::node {

int run_node(const Options& options, std::function<common::Result<Options>()> reload) {
  common::configure_log(options.node.log_level, options.node.log_format);
  auto node = RunningNode::start(options, std::move(reload));
  if (!node) {
    common::log_line(common::LogLevel::error, node.error().message);
    return 1;
  }
  (*node)->run();
  return 0;
}

}  // namespace shoal::node
