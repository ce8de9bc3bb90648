#include "node/config/option_text.h"

#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <sstream>

#include "node/config/config_file.h"
#include "node/config/resolve_options.h"

using namespace shoal::node;

TEST_CASE("option text: the default file holds every key and gives the defaults") {
  const auto settings = parse_config_file("default", default_file());
  REQUIRE(settings.size() == option_table().size());
  for (size_t i = 0; i < settings.size(); ++i) {
    const Option& option = option_table()[i];
    CHECK(settings[i].error == "");
    CHECK(settings[i].option == &option);
    CHECK(settings[i].values == split_values(option, option.default_text));
  }
  OptionSources sources;
  sources.file_text = default_file();
  CHECK(resolve_options(sources));
}

TEST_CASE("option text: docs/OPTIONS.md is what `shoal config --reference` prints") {
  // The executable is in build/PRESET/tests/, wherever it is started from.
  std::ifstream file(std::filesystem::read_symlink("/proc/self/exe").parent_path() /
                     "../../../docs/OPTIONS.md");
  const std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  CHECK_MESSAGE(text == options_reference(), "run: build/dev/shoal config --reference > docs/OPTIONS.md");
}

TEST_CASE("option text: the manual page has every option, and no text that roff would take for a request") {
  const std::string page = options_manual("1.2.3");
  CHECK(page.starts_with(".TH SHOAL.TOML 5 \"\" \"shoal 1.2.3\""));
  for (const Option& option : option_table()) {
    CAPTURE(option.key);
    CHECK(page.find("variable " + environment_name(option) + ".\n") != std::string::npos);
  }
  const std::set<std::string> requests{".TH", ".SH", ".PP", ".TP", ".BR", ".br"};
  std::istringstream lines(page);
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with('.') || line.starts_with('\''))
      CHECK(requests.contains(line.substr(0, line.find(' '))));
  }
}

TEST_CASE("option table: rows are complete and in the order of the sections") {
  std::set<std::string> keys, variables;
  size_t section = 0;
  for (const Option& option : option_table()) {
    CAPTURE(option.key);
    CHECK(keys.insert(std::string(option.key)).second);
    CHECK(variables.insert(environment_name(option)).second);
    while (section < sections().size() && sections()[section].name != option.section()) ++section;
    CHECK(section < sections().size());
    CHECK(static_cast<bool>(option.set));
    CHECK(static_cast<bool>(option.clear) == option.is_list());
    CHECK(!option.allowed.empty());
    CHECK(option.summary.ends_with('.'));
    CHECK(find_option(option.key) == &option);
  }
  CHECK(find_option("tracker") == nullptr);
}
