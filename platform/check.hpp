#pragma once

#include <cstdint>

namespace shrike {

// What runs when a SHRIKE_CHECK fails, before the program stops. A host may replace it (to log, to restart
// a board); it must not return to the failed code, so abort() follows in any case.
using CheckHandler = void (*)(const char* condition, const char* file, int line, std::int64_t a,
                              std::int64_t b);
void set_check_handler(CheckHandler handler) noexcept;

[[noreturn]] void check_failed(const char* condition, const char* file, int line, std::int64_t a = 0,
                               std::int64_t b = 0) noexcept;

}  // namespace shrike

// Our own mistakes only, never a user's input. SHRIKE_CHECK(i < n) or SHRIKE_CHECK(i < n, i, n).
#define SHRIKE_CHECK(condition, ...)                                                     \
  do {                                                                                   \
    if (!(condition)) [[unlikely]]                                                       \
      ::shrike::check_failed(#condition, __FILE__, __LINE__ __VA_OPT__(, ) __VA_ARGS__); \
  } while (false)

#ifdef NDEBUG
#define SHRIKE_DCHECK(condition, ...) \
  do {                                \
  } while (false)
#else
#define SHRIKE_DCHECK(condition, ...) SHRIKE_CHECK(condition __VA_OPT__(, ) __VA_ARGS__)
#endif
