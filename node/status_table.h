// What /status.json says, for people: the cluster as a table. Pure; the text may be anything.

#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "common/result.h"

namespace shoal::node {

// The document of /status.json: an object, of bounded depth.
common::Result<nlohmann::json> parse_status(std::string_view text);

// This node first, then the members. Only printable ASCII and line feeds; what is missing or of another type
// is "-".
std::string status_table(const nlohmann::json& status);

}  // namespace shoal::node
