// libcurl, loaded only where a feed has a URL: with its forty libraries it would cost every node megabytes of
// memory and milliseconds of its start. Any thread.

#pragma once

#include "common/result.h"

#ifdef SHOAL_CURL
#include <curl/curl.h>
#endif

namespace shoal::node {

#ifdef SHOAL_CURL
struct CurlLibrary {
  decltype(&curl_easy_init) easy_init;
  decltype(&curl_easy_setopt) easy_setopt;
  decltype(&curl_easy_perform) easy_perform;
  decltype(&curl_easy_getinfo) easy_getinfo;
  decltype(&curl_easy_cleanup) easy_cleanup;
  decltype(&curl_easy_strerror) easy_strerror;
  decltype(&curl_slist_append) slist_append;
  decltype(&curl_slist_free_all) slist_free_all;
};
// Loaded at the first call that finds it, for the rest of the process.
common::Result<const CurlLibrary*> curl_library();
#endif

// Whether this shoal can use it at all.
bool built_with_curl();

// Loads it. Call it before a chroot hides it. The error says what to install; once it is installed, the next
// call succeeds.
common::Result<void> load_curl();

}  // namespace shoal::node
