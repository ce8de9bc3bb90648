// Result<T>: a value, or an Error whose message is fit for an operator.

#pragma once

#include <string>
#include <tl/expected.hpp>
#include <utility>

namespace shoal::common {

struct Error {
  std::string message;
};

template <class T>
using Result = tl::expected<T, Error>;

inline tl::unexpected<Error> fail(std::string message) {
  return tl::make_unexpected(Error{std::move(message)});
}

}  // namespace shoal::common
