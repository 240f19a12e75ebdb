#pragma once

#include <string>

#include "platform/result.hpp"

namespace shrike::test {

inline const char* code_name(Code code) noexcept {
  switch (code) {
    case Code::usage:
      return "usage";
    case Code::malformed:
      return "malformed";
    case Code::unsupported:
      return "unsupported";
    case Code::missing:
      return "missing";
    case Code::io:
      return "io";
    case Code::permission:
      return "permission";
    case Code::unavailable:
      return "unavailable";
    case Code::resource:
      return "resource";
    case Code::does_not_fit:
      return "does_not_fit";
  }
  return "no code";
}

// What became of a file, as one line that a test can spell whole:
//
//   accepted
//   malformed | key comes twice | file: general.name
//   malformed | too many keys | file: header | got 4097, allowed 4096
inline std::string verdict(const Error& e) {
  std::string line = std::string(code_name(e.code)) + " | " + e.rule + " | " + e.subject;
  if (e.has_numbers) line += " | got " + std::to_string(e.got) + ", allowed " + std::to_string(e.allowed);
  return line;
}
template <class T>
std::string verdict(const Result<T>& result) {
  return result ? "accepted" : verdict(result.error());
}

}  // namespace shrike::test
