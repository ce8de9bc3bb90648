#include "node/run_node.h"

#include "common/log.h"
#include "node/running_node.h"

namespace shoal::node {

int run_node(const Options& options) {
  common::configure_log(options.node.log_level, options.node.log_format);
  auto node = RunningNode::start(options);
  if (!node) {
    common::log_line(common::LogLevel::error, node.error().message);
    return 1;
  }
  (*node)->run();
  return 0;
}

}  // namespace shoal::node
