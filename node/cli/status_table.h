// Formats /status.json as tables of the cluster: its members, and the links to them. Pure. Accepts documents
// of any shape.

#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace shoal::node {

// Shows this node first, then the members. Only printable ASCII and line feeds, and with `colour` escape
// sequences; "-" for what is missing or has another type. No line of a table is longer than kTableWidthMax.
std::string status_table(const nlohmann::json& status, bool colour);

}  // namespace shoal::node
