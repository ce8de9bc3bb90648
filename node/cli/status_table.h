// Formats /status.json as a table of the cluster. Pure. Accepts documents of any shape.

#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace shoal::node {

// Shows this node first, then the members. Only printable ASCII and line feeds; "-" for what is missing or
// has another type.
std::string status_table(const nlohmann::json& status);

}  // namespace shoal::node
