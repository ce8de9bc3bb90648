// Answers of the admin API as text for people: the access list and the largest swarms. Pure; the documents
// may have any shape, and the text is only printable ASCII and line feeds.

#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace shoal::node {

// /v1/access: what was changed at run time.
std::string access_changes_text(const nlohmann::json& document);

// /v1/access?hash=...: what holds for each.
std::string access_verdicts_text(const nlohmann::json& document);

// /v1/top.
std::string top_text(const nlohmann::json& document);

// What a change answers: its "result".
std::string result_text(const nlohmann::json& document);

}  // namespace shoal::node
