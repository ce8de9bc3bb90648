#include "proto/tracker_path.h"

namespace shoal::proto {

namespace {

TrackerVerb verb_of_segment(std::string_view segment) {
  if (segment.starts_with("announce") || segment == "a") return TrackerVerb::announce;
  if (segment.starts_with("scrape") || segment == "s" || segment == "sc") return TrackerVerb::scrape;
  return TrackerVerb::none;
}

}  // namespace

TrackerVerb verb_of_path(std::string_view path) {
  if (path == "/announce") return TrackerVerb::announce;
  if (path == "/scrape") return TrackerVerb::scrape;
  const size_t start = path.find_first_not_of('/');
  if (start == std::string_view::npos) return TrackerVerb::none;
  path = path.substr(start, path.find_last_not_of('/') + 1 - start);
  const TrackerVerb last = verb_of_segment(path.substr(path.rfind('/') + 1));
  return last != TrackerVerb::none ? last : verb_of_segment(path.substr(0, path.find('/')));
}

}  // namespace shoal::proto
