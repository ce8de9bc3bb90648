// /status.json for people: the cluster as a table. Pure; the document may have any shape.

#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace shoal::node {

// This node first, then the members. Only printable ASCII and line feeds; what is missing or of another type
// is "-".
std::string status_table(const nlohmann::json& status);

}  // namespace shoal::node
