#include "node/config/option_text.h"

#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <regex>
#include <set>
#include <sstream>

#include "node/config/config_file.h"
#include "node/config/resolve_options.h"

using namespace shoal::node;

TEST_CASE("option text: the default file holds every key and gives the defaults") {
  const auto [settings, cut_short] = parse_config_file("default", default_file());
  CHECK_FALSE(cut_short);
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

TEST_CASE("option table: the text of what is allowed says what the parser takes") {
  for (const Option& option : option_table()) {
    CAPTURE(option.key);
    Options options;
    const std::string allowed = option.allowed;
    // The words of a choice, and nothing else.
    for (const std::string_view word : option.words) {
      CHECK(option.set(options, word));
      CHECK(allowed.find(word) != std::string::npos);
    }
    if (!option.words.empty()) CHECK(!option.set(options, "other"));
    CHECK((allowed.find("\"\" means") != std::string::npos) ==
          (option.kind == OptionKind::text && !option.is_list() && option.set(options, "")));
    if (option.is_list()) {
      CHECK(allowed.starts_with("up to " + std::to_string(option.list_max) + " different "));
    }
    if (option.kind != OptionKind::whole) continue;
    std::smatch range;
    REQUIRE(std::regex_search(allowed, range, std::regex("from ([0-9]+) to ([0-9]+)")));
    const uint64_t min = std::stoull(range[1]);
    const uint64_t max = std::stoull(range[2]);
    CHECK(option.set(options, std::to_string(min)));
    CHECK(option.set(options, std::to_string(max)));
    CHECK(!option.set(options, std::to_string(max + 1)));
    if (min > 0) CHECK(!option.set(options, std::to_string(min - 1)));
    CHECK((allowed.find("; 0 means") == std::string::npos || min == 0));
  }
}

TEST_CASE("option table: what a shell completes") {
  const auto words = [](std::string_view key) { return find_option(key)->words; };
  using Words = std::vector<std::string_view>;
  CHECK(words("access.mode") == Words{"open", "allow", "deny"});
  CHECK(words("node.log_level") == Words{"debug", "info", "warn", "error"});
  CHECK(words("sync.insecure") == Words{"true", "false"});
  CHECK(words("node.name").empty());
  CHECK(find_option("access.file")->is_path);
  CHECK(find_option("access.fifo_add")->is_path);
  CHECK(!find_option("stats.path")->is_path);
}

TEST_CASE("option text: long lines are broken between words") {
  for (const std::string& text : {default_file(), options_reference()}) {
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) {
      CAPTURE(line);
      const bool prose = line.starts_with('#') || !line.starts_with('-');
      if (prose) CHECK(line.size() <= 110);
      CHECK(!line.ends_with(' '));
    }
  }
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
    CHECK((option.details.empty() || option.details.ends_with('.')));
    CHECK(std::string_view(option.summary).find('\n') == std::string_view::npos);
    CHECK(find_option(option.key) == &option);
  }
  CHECK(find_option("tracker") == nullptr);
}
