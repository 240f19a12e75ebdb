#include "apps/shrike/eval_oracle.hpp"

#include <algorithm>

#include "core/kv/block.hpp"

namespace shrike::cli {
namespace {

constexpr int kAnyVisit = 1, kAsked = 2, kBeside = 1;

// How long the visit was over when the question was asked; what is in view is 0 frames old, as the question's age.
int age_of(const synthetic::Visit& visit, int cut) noexcept { return std::max(0, cut - visit.last_frame); }

}  // namespace

std::vector<int> frame_worths(const EvalStream& stream) {
  const synthetic::World world(stream.world);
  std::vector<int> worths(static_cast<std::size_t>(world.n_frames()), 0);
  const std::span<const synthetic::Visit> visits = world.visits();
  const auto worth = [&](std::size_t visit) -> int& {
    return worths[static_cast<std::size_t>(std::min(visits[visit].first_frame, world.n_frames() - 1))];
  };
  for (std::size_t v = 0; v < visits.size(); ++v) worth(v) += kAnyVisit;
  for (const synthetic::Question& question : stream.questions) {
    if (question.kind == synthetic::Kind::now) worths.back() = kv::kWorthMax;
    const bool beside = question.kind == synthetic::Kind::before || question.kind == synthetic::Kind::after;
    for (std::size_t v = 0; v < visits.size() && question.age >= 0; ++v) {
      if (visits[v].first_frame > question.cut || age_of(visits[v], question.cut) != question.age) continue;
      worth(v) += kAsked;
      if (beside && v > 0) worth(v - 1) += kBeside;
      if (beside && v + 1 < visits.size()) worth(v + 1) += kBeside;
    }
  }
  for (int& w : worths) w = std::min(w, kv::kWorthMax);
  return worths;
}

}  // namespace shrike::cli
