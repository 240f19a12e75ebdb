// What attention showed becomes state of kv::Memory: marks of slots, entropies of layers, moments of queries.
#include <algorithm>

#include "core/kv/memory.hpp"

namespace shrike::kv {
namespace {

// Weight of what is new in the smoothed numbers of a layer.
constexpr float kRate = 0.25f;

float smoothed(float before, float now, bool first) noexcept {
  return first ? now : before + kRate * (now - before);
}

}  // namespace

void Memory::absorb(int layer, const Evidence& evidence, int n_rows, const Look& look) noexcept {
  if (look.window && layer == 0)
    n_window_ = look.grows ? (look.begins ? 0 : n_window_) + n_rows - std::min(look.window_first, n_rows) : 0;
  if (look.grows && evidence.rows != nullptr && (shape_.needs & kNeedEntropy) != 0)
    show_layer(layer, evidence);
  if (look.grows && evidence.query_sum != nullptr && (shape_.needs & kNeedQueries) != 0) {
    const int numbers = shape_.n_kv_heads * shape_.group * shape_.head_dim;
    float* mean = query_mean_ + static_cast<std::ptrdiff_t>(layer) * numbers;
    float* square = query_square_ + static_cast<std::ptrdiff_t>(layer) * numbers;
    const float n = static_cast<float>(evidence.n_query_rows);
    const bool first = next_position_ <= n_rows;
    for (int i = 0; i < numbers; ++i) {
      mean[i] = smoothed(mean[i], evidence.query_sum[i] / n, first);
      square[i] = smoothed(square[i], evidence.query_square[i] / n, first);
    }
  }
  if ((shape_.needs & kNeedMarks) == 0) return;
  const std::ptrdiff_t columns = shape_.slots_max();
  for (int kv_head = 0; kv_head < shape_.n_kv_heads; ++kv_head) {
    const int n = n_live(layer, kv_head);
    int column = 0;
    for (const BlockRef& ref : table(layer, kv_head))
      for (int slot = ref.first; slot < ref.end; ++slot, ++column)
        count_marks(ref, slot, column, evidence, look, std::min(n_rows, n - column), kv_head * columns);
  }
}

void Memory::count_marks(const BlockRef& ref, int slot, int column, const Evidence& evidence,
                         const Look& look, int n_seen, std::ptrdiff_t row) noexcept {
  const std::ptrdiff_t at = row + column;
  const auto has = [&](Mark mark) { return (shape_.needs & need(mark)) != 0; };
  const auto mark = [&](Mark m) -> float& { return pool_.mark(ref.block, slot, m); };
  if (look.grows) {
    const float fade = look.begins ? shape_.fade : 1.0f;
    if (has(Mark::mass)) mark(Mark::mass) = mark(Mark::mass) * fade + evidence.mass[at];
    if (has(Mark::seen))
      mark(Mark::seen) = mark(Mark::seen) * fade + static_cast<float>(n_seen * shape_.group);
  }
  if (!look.window) return;
  const auto grow = [&](Mark m, float by) { mark(m) = (look.begins ? 0.0f : mark(m)) + by; };
  if (has(Mark::window)) grow(Mark::window, evidence.window_text[at] + evidence.window_image[at]);
  if (has(Mark::cross)) {
    const bool text = pool_.facts(ref.block, slot).token.modality == Modality::text;
    grow(Mark::cross, text ? evidence.window_image[at] : evidence.window_text[at]);
  }
  if (has(Mark::votes)) grow(Mark::votes, evidence.votes[at]);
  if (has(Mark::last) && look.ends) mark(Mark::last) = evidence.last[at];
}

// A class of rows that saw nothing of the other modality says nothing; a chunk that says nothing changes
// nothing.
void Memory::show_layer(int layer, const Evidence& evidence) noexcept {
  double whole = 0, cross = 0;
  int n_whole = 0;
  bool any = false;
  for (int query = 0; query < 2; ++query) {
    const int key = 1 - query;
    double sum = 0;
    int n = 0;
    for (int kv_head = 0; kv_head < shape_.n_kv_heads; ++kv_head) {
      const RowSums& rows = evidence.rows[2 * kv_head + query];
      sum += rows.class_entropy[key];
      n += rows.n_class_rows[key];
      whole += rows.entropy;
      n_whole += rows.n_rows;
    }
    if (n == 0) continue;
    cross += sum / n;
    any = true;
  }
  if (!any) return;
  LayerShown& shown = shown_[layer];
  shown.cross = smoothed(shown.cross, static_cast<float>(cross), shown.n_clips == 0);
  shown.whole = smoothed(shown.whole, static_cast<float>(whole / n_whole), shown.n_clips == 0);
  ++shown.n_clips;
}

}  // namespace shrike::kv
