#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <variant>

#include "platform/check.hpp"

namespace shrike {

// Whose mistake it was, as far as the caller can act on it. apps/ maps each to an exit code.
enum class Code : std::uint8_t {
  usage,        // an option or argument that cannot be
  malformed,    // a file that breaks its own format
  unsupported,  // well-formed, but not something this build runs
  missing,      // no such file, key or tensor
  io,           // the system failed to read or write
  permission,
  unavailable,   // camera or stream cannot be had
  resource,      // the system has no more memory, threads, descriptors
  does_not_fit,  // the plan needs more than it may have
};

// A plain value: what rule failed, on what, what was found and what is allowed. Text is made at the edge.
struct Error {
  Code code = Code::malformed;
  const char* rule = "";  // a literal: "tensor has too many dimensions"
  std::string subject;    // file, key, tensor or option
  std::int64_t got = 0;
  std::int64_t allowed = 0;
  bool has_numbers = false;
  std::string hint;  // what there is instead, for people: "nearest are ..."; may be empty

  Error() = default;
  Error(Code c, const char* r, std::string s) : code(c), rule(r), subject(std::move(s)) {}
  Error(Code c, const char* r, std::string s, std::int64_t g, std::int64_t a)
      : code(c), rule(r), subject(std::move(s)), got(g), allowed(a), has_numbers(true) {}
};

// std::expected in miniature: a value or an Error.
template <class T>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}

  bool has_value() const noexcept { return state_.index() == 0; }
  explicit operator bool() const noexcept { return has_value(); }
  T& value() & noexcept {
    SHRIKE_CHECK(has_value());
    return *std::get_if<0>(&state_);
  }
  const T& value() const& noexcept {
    SHRIKE_CHECK(has_value());
    return *std::get_if<0>(&state_);
  }
  T&& value() && noexcept {
    SHRIKE_CHECK(has_value());
    return std::move(*std::get_if<0>(&state_));
  }
  const Error& error() const noexcept {
    SHRIKE_CHECK(!has_value());
    return *std::get_if<1>(&state_);
  }
  T& operator*() & noexcept { return value(); }
  const T& operator*() const& noexcept { return value(); }
  T&& operator*() && noexcept { return std::move(*this).value(); }
  T* operator->() noexcept { return &value(); }
  const T* operator->() const noexcept { return &value(); }

 private:
  std::variant<T, Error> state_;
};

struct Nothing {};
using Status = Result<Nothing>;
inline Status ok() { return Nothing{}; }

}  // namespace shrike

// SHRIKE_TRY(value, expression): value of the Result, or return its Error from this function.
#define SHRIKE_CONCAT_(a, b) a##b
#define SHRIKE_CONCAT(a, b) SHRIKE_CONCAT_(a, b)
#define SHRIKE_TRY(declaration, expression) \
  SHRIKE_TRY_(SHRIKE_CONCAT(result_, __LINE__), declaration, expression)
#define SHRIKE_TRY_(result, declaration, expression) \
  auto result = (expression);                        \
  if (!result) return result.error();                \
  declaration = std::move(result).value()
#define SHRIKE_TRY_VOID(expression)                                                            \
  if (auto SHRIKE_CONCAT(result_, __LINE__) = (expression); !SHRIKE_CONCAT(result_, __LINE__)) \
  return SHRIKE_CONCAT(result_, __LINE__).error()
