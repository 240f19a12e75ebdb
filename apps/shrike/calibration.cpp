#include "apps/shrike/calibration.hpp"

#include <algorithm>

namespace shrike::cli {

Calibration::Calibration(Session& session)
    : session_(session),
      lost_(static_cast<std::size_t>(2 * session.runtime().memory().shape().n_tables())),
      answer_(static_cast<std::size_t>(session.plan().answer_tokens_max)) {}

bool Calibration::ask(const std::string& question) {
  const kv::Memory::Shape& shape = session_.runtime().memory().shape();
  int n_answer = 0;
  const double own = session_.surprise(question, answer_, n_answer);
  if (own < 0) return false;
  for (std::size_t i = 0; i < lost_.size(); ++i) {
    const int table = static_cast<int>(i / 2);
    const int layer = table / shape.n_kv_heads, kv_head = table % shape.n_kv_heads;
    const auto modality = static_cast<kv::Modality>(i % 2);
    session_.hide(layer, kv_head, modality, true);
    lost_[i] += std::max(0.0, session_.surprise(question, answer_, n_answer) - own);
    session_.hide(layer, kv_head, modality, false);
  }
  ++n_asked_;
  return true;
}

kv::HeadProfile Calibration::profile() const {
  const Runtime& r = session_.runtime();
  const kv::Memory::Shape& shape = r.memory().shape();
  const int n_pictures = std::max(1, r.tiles().whole_tokens_max());
  const int n_words = std::max(1, r.plan().tokens_per_frame - n_pictures);
  kv::HeadProfile profile{shape.n_layers, shape.n_kv_heads, std::vector<float>(lost_.size(), 1.0f)};
  double most = 0;
  const auto each = [&](std::size_t i) { return lost_[i] / (i % 2 == 0 ? n_words : n_pictures); };
  for (std::size_t i = 0; i < lost_.size(); ++i) most = std::max(most, each(i));
  for (std::size_t i = 0; i < lost_.size() && most > 0; ++i)
    profile.weights[i] = static_cast<float>(each(i) / most);
  return profile;
}

}  // namespace shrike::cli
