// page_samples: writes the pages of tests/unit/support/page_samples.h, with the files that they load and the
// headers they are sent with, into a folder that exists.
//
//   page_samples FOLDER

#include <cstdio>
#include <fstream>
#include <string>
#include <string_view>

#include "node/admin/page/page.h"
#include "node/admin/page/page_files.h"
#include "tests/unit/support/page_samples.h"

namespace {

bool write(const std::string& path, std::string_view content) {
  std::ofstream file(path, std::ios::binary);
  file << content;
  file.close();
  if (!file) std::fprintf(stderr, "cannot write %s\n", path.c_str());
  return !file.fail();
}

}  // namespace

int main(int argc, char** argv) {
  using namespace shoal;
  if (argc != 2) {
    std::fprintf(stderr, "usage: page_samples FOLDER\n");
    return 2;
  }
  const std::string folder = argv[1];
  bool good = write(folder + "/headers", node::kPageHeaders);
  for (const char* name : {"page.css", "page.js", "icon.svg"}) {
    good = write(folder + "/" + name, node::page_file(name)) && good;
  }
  for (const auto& [name, html] : test::page_samples())
    good = write(folder + "/" + name + ".html", html) && good;
  return good ? 0 : 1;
}
