#include "node/feeds/curl_library.h"

#ifdef SHOAL_CURL
#include <dlfcn.h>

#include <string>

#include "node/os/mutex.h"
#endif

namespace shoal::node {

#ifdef SHOAL_CURL

// As functions, not as the macros that check the types of calls.
#undef curl_easy_setopt
#undef curl_easy_getinfo

namespace {

constexpr const char* kCurlFile = "libcurl.so.4";

template <class Function>
bool find(void* library, const char* name, Function& function) {
  function = reinterpret_cast<Function>(dlsym(library, name));
  return function != nullptr;
}

common::Result<const CurlLibrary*> open_curl() {
  void* library = dlopen(kCurlFile, RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) {
    const char* why = dlerror();
    return common::fail("a feed with a URL needs " + std::string(kCurlFile) +
                        ": install the package libcurl4 (" + std::string(why == nullptr ? "not found" : why) +
                        ")");
  }
  static CurlLibrary curl;
  decltype(&curl_global_init) global_init = nullptr;
  const bool whole = find(library, "curl_global_init", global_init) &&
                     find(library, "curl_easy_init", curl.easy_init) &&
                     find(library, "curl_easy_setopt", curl.easy_setopt) &&
                     find(library, "curl_easy_perform", curl.easy_perform) &&
                     find(library, "curl_easy_getinfo", curl.easy_getinfo) &&
                     find(library, "curl_easy_cleanup", curl.easy_cleanup) &&
                     find(library, "curl_easy_strerror", curl.easy_strerror) &&
                     find(library, "curl_slist_append", curl.slist_append) &&
                     find(library, "curl_slist_free_all", curl.slist_free_all);
  if (whole && global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK) return &curl;
  dlclose(library);
  return common::fail(std::string(kCurlFile) + " cannot be used");
}

}  // namespace

bool built_with_curl() { return true; }

common::Result<const CurlLibrary*> curl_library() {
  static Mutex mutex;
  static const CurlLibrary* loaded = nullptr;
  const Lock lock(mutex);
  if (loaded != nullptr) return loaded;
  auto opened = open_curl();
  if (opened) loaded = *opened;
  return opened;
}

common::Result<void> load_curl() {
  const auto library = curl_library();
  if (!library) return tl::make_unexpected(library.error());
  return {};
}

#else

bool built_with_curl() { return false; }

common::Result<void> load_curl() {
  return common::fail("this shoal was built without libcurl, so feeds can be files only");
}

#endif

}  // namespace shoal::node
