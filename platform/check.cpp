#include "platform/check.hpp"

#include <atomic>
#include <cstdio>
#include <cstdlib>

namespace shrike {
namespace {

void print_and_abort(const char* condition, const char* file, int line, std::int64_t a, std::int64_t b) {
  std::fprintf(stderr, "shrike: bug: %s does not hold (%s:%d, values %lld and %lld)\n", condition, file, line,
               static_cast<long long>(a), static_cast<long long>(b));
}

std::atomic<CheckHandler> handler_{print_and_abort};

}  // namespace

void set_check_handler(CheckHandler handler) noexcept { handler_ = handler != nullptr ? handler : print_and_abort; }

void check_failed(const char* condition, const char* file, int line, std::int64_t a, std::int64_t b) noexcept {
  handler_.load()(condition, file, line, a, b);
  std::abort();
}

}  // namespace shrike
