#include "node/cli/completion.h"

#include <doctest/doctest.h>

using namespace shoal::node;

using Words = std::vector<std::string>;

TEST_CASE("completion: the words that an option allows") {
  CHECK(completion_value("true or false").words == Words{"true", "false"});
  CHECK(completion_value("debug, info, warn or error").words == Words{"debug", "info", "warn", "error"});
  for (const char* none : {"", " or ", "a whole number from 0 to 256; 0 is one per CPU",
                           "letters, '.' or '-'", "an address or a name"}) {
    CAPTURE(none);
    CHECK(completion_value(none).words.empty());
  }
  CHECK(completion_value("the path of a file; \"\" is off").file);
  CHECK(completion_value("the path of a file or \"\"").words.empty());
  CHECK(!completion_value("a path of a URL").file);
}

TEST_CASE("completion: quotes in a summary are escaped") {
  const CompletionCommand command{"run", "It's", {{"--flag", "a 'b' \\ c", std::nullopt}}, {}};
  CHECK(completion_script(Shell::zsh, {&command, 1}).find("'--flag:a '\\''b'\\'' \\ c'") !=
        std::string::npos);
  CHECK(completion_script(Shell::fish, {&command, 1}).find("-d 'a \\'b\\' \\\\ c'") != std::string::npos);
}
