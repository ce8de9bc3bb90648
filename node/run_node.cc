#include "node/run_node.h"

#include "common/log.h"

namespace shoal::node {

int run_node(const Options& options) {
  common::configure_log(options.node.log_level, options.node.log_format);
  common::log_line(common::LogLevel::error, "this build has no server", {{"name", options.node.name}});
  return 1;
}

}  // namespace shoal::node
