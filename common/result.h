// Result<T>: a value, or an Error whose message is fit for an operator. To read the value where there is an
// error, or the error where there is a value, is a bug of ours: it ends the program, in every build.

#pragma once

#include <string>
#include <tl/expected.hpp>
#include <utility>

#include "common/check.h"

namespace shoal::common {

struct Error {
  std::string message;
};

template <class T>
class [[nodiscard]] Result : public tl::expected<T, Error> {
  using Base = tl::expected<T, Error>;

 public:
  using Base::Base;
  Result(Base result) : Base(std::move(result)) {}  // NOLINT(google-explicit-constructor)

  const T& operator*() const& { return checked(*this).Base::operator*(); }
  T& operator*() & { return checked(*this).Base::operator*(); }
  T&& operator*() && { return std::move(checked(*this).Base::operator*()); }
  const T* operator->() const { return checked(*this).Base::operator->(); }
  T* operator->() { return checked(*this).Base::operator->(); }
  const Error& error() const {
    CHECK_INVARIANT(!this->has_value());
    return Base::error();
  }

 private:
  template <class Self>
  static Self& checked(Self& self) {
    CHECK_INVARIANT(self.has_value());
    return self;
  }
};

template <>
class [[nodiscard]] Result<void> : public tl::expected<void, Error> {
  using Base = tl::expected<void, Error>;

 public:
  using Base::Base;
  Result(Base result) : Base(std::move(result)) {}  // NOLINT(google-explicit-constructor)
};

inline tl::unexpected<Error> fail(std::string message) {
  return tl::make_unexpected(Error{std::move(message)});
}

}  // namespace shoal::common
