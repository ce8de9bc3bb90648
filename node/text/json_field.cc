#include "node/text/json_field.h"

#include <cstdint>

#include "node/text/printable.h"

namespace shoal::node {

using nlohmann::json;

const json& field(const json& object, const char* key) {
  static const json kNone;
  if (!object.is_object()) return kNone;
  const auto found = object.find(key);
  return found == object.end() ? kNone : *found;
}

std::string text_of(const json& value, size_t bytes_max) {
  return value.is_string() ? printable(value.get_ref<const std::string&>(), bytes_max) : "-";
}

std::string number_of(const json& value) {
  if (value.is_number_unsigned()) return std::to_string(value.get<uint64_t>());
  if (value.is_number_integer()) return std::to_string(value.get<int64_t>());
  return "-";
}

std::string yes_no_of(const json& value) {
  return !value.is_boolean() ? "-" : value.get<bool>() ? "yes" : "no";
}

}  // namespace shoal::node
