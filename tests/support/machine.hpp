#pragma once

// Emulators and sanitizers run many times slower: there, surveys of many seeds take fewer.
namespace shrike::test {

#ifdef SHRIKE_EMULATED
inline constexpr bool kEmulated = true;
#else
inline constexpr bool kEmulated = false;
#endif

#ifdef SHRIKE_SLOW_MACHINE
inline constexpr bool kSlow = true;
#else
inline constexpr bool kSlow = false;
#endif

}  // namespace shrike::test
