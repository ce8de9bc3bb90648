#include "node/os/cgroup.h"

#include <algorithm>
#include <optional>
#include <sstream>

#include "node/os/files.h"

namespace shoal::node {

namespace {

// A machine with thousands of containers has a long list of mounts.
constexpr size_t kMountsBytesMax = size_t{4} << 20;
constexpr size_t kValueBytesMax = 4096;

// A path that goes on deeper is not believed.
constexpr size_t kDepthMax = 64;

std::string contents(const std::string& path, size_t bytes_max) {
  return read_file(path, bytes_max).value_or("");
}

std::string trimmed(const std::string& text) {
  constexpr const char* kBlank = " \t\r\n";
  const size_t begin = text.find_first_not_of(kBlank);
  return begin == std::string::npos ? "" : text.substr(begin, text.find_last_not_of(kBlank) + 1 - begin);
}

bool lists(std::string_view comma_separated, std::string_view word) {
  while (true) {
    const size_t comma = comma_separated.find(',');
    if (comma_separated.substr(0, comma) == word) return true;
    if (comma == std::string_view::npos) return false;
    comma_separated.remove_prefix(comma + 1);
  }
}

// Spaces and such in a path of /proc/self/mountinfo are written as octal numbers.
std::string unescaped(std::string_view text) {
  std::string out;
  const auto digit = [&](size_t i) { return i < text.size() && text[i] >= '0' && text[i] <= '7'; };
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && digit(i + 1) && digit(i + 2) && digit(i + 3)) {
      out += static_cast<char>((text[i + 1] - '0') * 64 + (text[i + 2] - '0') * 8 + (text[i + 3] - '0'));
      i += 3;
    } else {
      out += text[i];
    }
  }
  return out;
}

// The group of this process: "0::/a/b" for version 2, "4:cpu,cpuacct:/a/b" for a controller of version 1.
std::optional<std::string> own_group(const std::string& root, std::string_view controller) {
  std::istringstream lines(contents(root + "/proc/self/cgroup", kMountsBytesMax));
  for (std::string line; std::getline(lines, line);) {
    const size_t first = line.find(':');
    const size_t second = first == std::string::npos ? first : line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string_view controllers = std::string_view(line).substr(first + 1, second - first - 1);
    const bool found = controller.empty() ? controllers.empty() : lists(controllers, controller);
    if (found) return line.substr(second + 1);
  }
  return std::nullopt;
}

// Where a hierarchy is mounted, and which of its groups stands there.
struct CgroupMount {
  std::string group;
  std::string folder;
};

// The line: ID PARENT MAJOR:MINOR GROUP FOLDER OPTIONS [TAGS...] - TYPE SOURCE CONTROLLERS
std::optional<CgroupMount> mount_of(const std::string& root, std::string_view controller) {
  std::istringstream lines(contents(root + "/proc/self/mountinfo", kMountsBytesMax));
  for (std::string line; std::getline(lines, line);) {
    const size_t dash = line.find(" - ");
    if (dash == std::string::npos) continue;
    std::istringstream after(line.substr(dash + 3));
    std::string type;
    std::string source;
    std::string controllers;
    after >> type >> source >> controllers;
    const bool found =
        controller.empty() ? type == "cgroup2" : type == "cgroup" && lists(controllers, controller);
    if (!found) continue;
    std::istringstream before(line);
    std::string skipped;
    CgroupMount mount;
    before >> skipped >> skipped >> skipped >> mount.group >> mount.folder;
    return CgroupMount{unescaped(mount.group), unescaped(mount.folder)};
  }
  return std::nullopt;
}

// The path of `group` below the mount: "" is the mounted group itself, "/b" one in it. A group outside of the
// mount ("/.." in a namespace that the process was moved out of) is not visible: the mounted one stands for
// it.
std::string below(const CgroupMount& mount, std::string group) {
  if (mount.group != "/") {
    if (group != mount.group && !group.starts_with(mount.group + "/")) return "";
    group.erase(0, mount.group.size());
  }
  while (group.ends_with('/')) group.pop_back();
  const bool outside = (group + "/").find("/../") != std::string::npos;
  const bool deep = static_cast<size_t>(std::count(group.begin(), group.end(), '/')) > kDepthMax;
  return outside || deep ? "" : group;
}

// `controller`: empty for version 2.
std::vector<std::string> values(const std::string& root, std::string_view controller, std::string_view file) {
  const auto group = own_group(root, controller);
  const auto mount = mount_of(root, controller);
  std::vector<std::string> found;
  if (!group || !mount) return found;
  std::string path = below(*mount, *group);
  while (true) {
    std::string name = root;
    name.append(mount->folder).append(path).append("/").append(file);
    found.push_back(trimmed(contents(name, kValueBytesMax)));
    if (path.empty()) return found;
    path.erase(path.rfind('/'));
  }
}

}  // namespace

std::vector<std::string> cgroup_v2_values(const std::string& root, std::string_view file) {
  return values(root, "", file);
}

std::vector<std::string> cgroup_v1_values(const std::string& root, std::string_view controller,
                                          std::string_view file) {
  return values(root, controller, file);
}

}  // namespace shoal::node
