#include "node/cli/completion.h"

#include <doctest/doctest.h>

using namespace shoal::node;

TEST_CASE("completion: quotes in a summary end nothing") {
  const CompletionCommand command{"run", "It's", {{"--flag", "a 'b' \\ c", std::nullopt}}, {}};
  CHECK(completion_script(Shell::zsh, {&command, 1}).find("'--flag:a '\\''b'\\'' \\ c'") !=
        std::string::npos);
  CHECK(completion_script(Shell::fish, {&command, 1}).find("-d 'a \\'b\\' \\\\ c'") != std::string::npos);
}
