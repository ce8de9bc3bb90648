// xdp_comparison [EACH [INTERFACE...]]: runs all groups of Comparison (of what there
// is very much of only each EACH-th), attaches the program to the named interfaces
// as a node does (native, else generic, and says why) and to each in generic mode, and prints "N passed, N
// failed". Exit code 1 if anything failed or cannot be tried. What tests/xdp/kernels runs in its machines.

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "node/config/option_values.h"
#include "tests/xdp/comparison.h"

namespace {

using namespace shoal;

bool attach(const std::string& interface, node::ShieldMode mode) {
  auto shield = node::Shield::load({1});
  if (!shield) {
    std::printf("FAILED load: %s\n", shield.error().message.c_str());
    return false;
  }
  const auto attached = (*shield)->attach(interface, mode);
  if (!attached) {
    std::printf("FAILED %s, %s: %s\n", interface.c_str(), std::string(to_string(mode)).c_str(),
                attached.error().message.c_str());
    return false;
  }
  std::printf("ok %s, %s: %s %s\n", interface.c_str(), std::string(to_string(mode)).c_str(),
              std::string(to_string(attached->mode)).c_str(), attached->note.c_str());
  const auto second = (*shield)->attach(interface, mode);
  const bool refused = !second && second.error().message.find("another XDP program") != std::string::npos;
  std::printf("%s %s: a second program is refused: %s\n", refused ? "ok" : "FAILED", interface.c_str(),
              second ? "no" : second.error().message.c_str());
  const bool there = (*shield)->is_attached(interface);
  (*shield)->detach_all();
  return refused && there && !(*shield)->is_attached(interface);
}

}  // namespace

int main(int argc, char** argv) {
  std::setvbuf(stdout, nullptr, _IOLBF, 0);
  size_t passed = 0;
  size_t failed = 0;
  auto both = test::Comparison::open();
  if (!both) {
    std::printf("cannot compare: %s\n0 passed, 1 failed\n", both.error().message.c_str());
    return 1;
  }
  if (argc > 1) (*both)->take_each(std::max(1UL, std::strtoul(argv[1], nullptr, 10)));
  for (const test::Comparison::Group& group : test::Comparison::groups()) {
    const test::Comparison::Report report = (*both)->run(group);
    std::printf("%s %s: %zu passed, %zu failed\n", report.failed == 0 ? "ok" : "FAILED", group.name,
                report.passed, report.failed);
    for (const std::string& failure : report.failures) std::printf("  %s\n", failure.c_str());
    passed += report.passed;
    failed += report.failed;
  }
  for (int i = 2; i < argc; ++i) {
    for (const node::ShieldMode mode : {node::ShieldMode::automatic, node::ShieldMode::generic}) {
      ++(attach(argv[i], mode) ? passed : failed);
    }
  }
  std::printf("%zu passed, %zu failed\n", passed, failed);
  return failed == 0 ? 0 : 1;
}
