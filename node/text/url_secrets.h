// What must not be shown of a URL: who runs a node logs its errors and gives its status to others. Pure.

#pragma once

#include <string>
#include <string_view>

namespace shoal::node {

// `text`, which may hold a URL or what was meant as one, without its user, password, query and fragment.
// Where it cannot be told whether an '@' ends a password or is one of the path, "..." stands for what is
// before it.
std::string without_url_secrets(std::string_view text);

}  // namespace shoal::node
