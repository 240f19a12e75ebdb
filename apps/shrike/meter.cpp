#include "apps/shrike/meter.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "platform/clock.hpp"

namespace shrike::cli {
namespace {

constexpr int kBarWidth = 40;
constexpr double kSharesMin = 0.005, kSecondsMin = 1;  // below, what is left would be guessed
constexpr std::int64_t kLineEveryNs = 30'000'000'000;

std::string left_text(double seconds) {
  const auto left = static_cast<long long>(std::ceil(seconds));
  char text[32];
  if (left < 3600)
    std::snprintf(text, sizeof(text), "%lld:%02lld left", left / 60, left % 60);
  else
    std::snprintf(text, sizeof(text), "%lld h %02lld min left", left / 3600, left / 60 % 60);
  return text;
}

}  // namespace

std::string meter_text(double share, double seconds) {
  const double done = std::clamp(share, 0.0, 1.0);
  const auto n = static_cast<std::size_t>(done * kBarWidth);
  char percent[16];
  std::snprintf(percent, sizeof(percent), "%3.0f %%", std::floor(done * 100));
  std::string text = "[" + std::string(n, '#') + std::string(kBarWidth - n, '.') + "] " + percent;
  if (done >= kSharesMin && seconds >= kSecondsMin) text += ", " + left_text(seconds / done * (1 - done));
  return text;
}

Meter::Meter(bool quiet)
    : progress_(quiet),
      lines_(!quiet && !progress_.on()),
      start_ns_(monotonic_ns()),
      next_line_ns_(start_ns_ + kLineEveryNs) {}

void Meter::tell(double share) {
  const std::int64_t now = monotonic_ns();
  const std::string text = meter_text(share, static_cast<double>(now - start_ns_) * 1e-9);
  progress_.show(text);
  if (!lines_ || now < next_line_ns_) return;
  next_line_ns_ = now + kLineEveryNs;
  std::fprintf(stderr, "shrike: %s\n", text.substr(text.find_first_of("0123456789")).c_str());
}

}  // namespace shrike::cli
