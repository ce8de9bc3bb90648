// Formats answers of the admin API as text: the access list, the largest swarms, the feeds. Pure. Accepts
// documents of any shape; the text has only printable ASCII and line feeds.

#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace shoal::node {

// /v1/access: the run-time changes.
std::string access_changes_text(const nlohmann::json& document);

// /v1/access?hash=...: the status of each hash.
std::string access_verdicts_text(const nlohmann::json& document);

// /v1/bans: those in force, and those that would be.
std::string bans_text(const nlohmann::json& document);

// /v1/bans?address=...: what is known of one client.
std::string ban_explained_text(const nlohmann::json& document);

// /v1/top; `colour`: with escape sequences.
std::string top_text(const nlohmann::json& document, bool colour);

// /v1/feeds: all, or the one named; empty: all.
std::string feeds_text(const nlohmann::json& document, const std::string& name, bool colour);

// The "result" of a change.
std::string result_text(const nlohmann::json& document);

}  // namespace shoal::node
