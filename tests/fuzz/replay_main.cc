// fuzz_replay TARGET FILE_OR_FOLDER...: runs one fuzz target over files, without libFuzzer: how tests/run
// replays the corpora, and how a developer replays a single finding under a debugger.
//
// FUZZ_TARGETS is X(NAME) for each target; its function LLVMFuzzerTestOneInput is called NAME here (see
// CMakeLists.txt).

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

#define X(name) extern "C" int name(const uint8_t* data, size_t size);
FUZZ_TARGETS
#undef X

namespace {

struct Target {
  std::string_view name;
  int (*run)(const uint8_t* data, size_t size);
};

#define X(name) Target{#name, name},
constexpr Target kTargets[] = {FUZZ_TARGETS};
#undef X

bool run_file(const Target& target, const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) {
    std::fprintf(stderr, "%s: cannot read\n", path.c_str());
    return false;
  }
  const std::string bytes((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  target.run(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size());
  return true;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string_view wanted = argc > 1 ? argv[1] : "";
  const auto* target = std::find_if(std::begin(kTargets), std::end(kTargets),
                                    [&](const Target& each) { return each.name == wanted; });
  if (target == std::end(kTargets) || argc < 3) {
    std::fprintf(stderr, "usage: %s TARGET FILE_OR_FOLDER...\ntargets:\n", argv[0]);
    for (const Target& each : kTargets) std::fprintf(stderr, "  %s\n", each.name.data());
    return 1;
  }
  size_t files = 0;
  for (int i = 2; i < argc; ++i) {
    const std::filesystem::path path = argv[i];
    if (std::filesystem::is_directory(path)) {
      for (const auto& entry : std::filesystem::directory_iterator(path)) {
        if (!run_file(*target, entry.path())) return 1;
        ++files;
      }
    } else {
      if (!run_file(*target, path)) return 1;
      ++files;
    }
  }
  if (files == 0) {
    std::fprintf(stderr, "%s: no files\n", argv[0]);
    return 1;
  }
  std::printf("%zu inputs replayed\n", files);
  return 0;
}
