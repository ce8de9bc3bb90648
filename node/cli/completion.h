// Makes completion scripts for bash, zsh and fish. Pure. The scripts need only the shell: they do not run
// shoal.

#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace shoal::node {

// The possible values of a flag, or of a command's argument.
struct CompletionValue {
  bool file = false;
  std::vector<std::string> words;
};

struct CompletionFlag {
  std::string name;  // with the dashes
  std::string summary;
  std::optional<CompletionValue> value;  // none: the flag has no value
};

struct CompletionCommand {
  std::string name;
  std::string summary;
  std::vector<CompletionFlag> flags;
  CompletionValue argument;
};

enum class Shell : uint8_t { bash, zsh, fish };

std::string completion_script(Shell shell, std::span<const CompletionCommand> commands);

}  // namespace shoal::node
