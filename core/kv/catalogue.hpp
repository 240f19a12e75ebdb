#pragma once

#include <span>

#include "core/kv/codec.hpp"
#include "core/kv/part.hpp"

// Every part there is: the one list. A row is the name of an object in a file of core/kv/parts/; the first
// row of a kind is used where a composition names none.
// clang-format off
#define SHRIKE_KV_SCHEDULES(row) \
  row(when_full)                 \
  row(when_every)                \
  row(when_review)

#define SHRIKE_KV_SCORES(row) \
  row(score_recency)          \
  row(score_h2o)              \
  row(score_mean)             \
  row(score_snapkv)           \
  row(score_snapkv_average)   \
  row(score_tova)             \
  row(score_knorm)            \
  row(score_keydiff)          \
  row(score_meda)             \
  row(score_fastgen)          \
  row(score_corm)             \
  row(score_random)           \
  row(score_told)             \
  row(score_change)           \
  row(score_novel)            \
  row(score_vnorm)            \
  row(score_vision)           \
  row(score_expected)

#define SHRIKE_KV_LAYERS(row) \
  row(layers_equal)           \
  row(layers_entropy)         \
  row(layers_entropy_paper)   \
  row(layers_pyramid)         \
  row(layers_dynamic)         \
  row(layers_dynamic_paper)   \
  row(layers_prefix)          \
  row(layers_variance)        \
  row(layers_variance_paper)

#define SHRIKE_KV_HEADS(row) \
  row(heads_equal)           \
  row(heads_tied)            \
  row(heads_adakv)           \
  row(heads_ladder)          \
  row(heads_ladder_paper)

#define SHRIKE_KV_SELECTS(row) \
  row(select_frames)           \
  row(select_top)              \
  row(select_all)              \
  row(select_release)          \
  row(select_quota)            \
  row(select_quota_paper)      \
  row(select_pools)            \
  row(select_above)            \
  row(select_change)           \
  row(select_buckets)          \
  row(select_prototypes)       \
  row(select_runs)

#define SHRIKE_KV_MERGES(row) \
  row(merge_drop)             \
  row(merge_average)          \
  row(merge_pivot)            \
  row(merge_weighted)         \
  row(merge_weighted_paper)   \
  row(merge_position)         \
  row(merge_prototype)        \
  row(merge_runs)             \
  row(merge_runs_paper)       \
  row(merge_threshold)        \
  row(merge_cam)              \
  row(merge_cam_paper)

#define SHRIKE_KV_PLACES(row) \
  row(place_close)            \
  row(place_keep)

#define SHRIKE_KV_CODECS(row) \
  row(codec_f16)               \
  row(codec_q8_0)              \
  row(codec_q4)                \
  row(codec_kivi4)             \
  row(codec_kivi2)             \
  row(codec_qaq)               \
  row(codec_think)
// clang-format on

namespace shrike::kv {
namespace parts {

#define SHRIKE_KV_SCHEDULE(name) extern const PartRow<SchedulePart> name;
#define SHRIKE_KV_SCORE(name) extern const PartRow<ScorePart> name;
#define SHRIKE_KV_LAYER(name) extern const PartRow<LayersPart> name;
#define SHRIKE_KV_HEAD(name) extern const PartRow<HeadsPart> name;
#define SHRIKE_KV_SELECT(name) extern const PartRow<SelectPart> name;
#define SHRIKE_KV_MERGE(name) extern const PartRow<MergePart> name;
#define SHRIKE_KV_PLACE(name) extern const PartRow<PlacePart> name;
#define SHRIKE_KV_CODEC(name) extern const Codec name;
SHRIKE_KV_SCHEDULES(SHRIKE_KV_SCHEDULE)
SHRIKE_KV_SCORES(SHRIKE_KV_SCORE)
SHRIKE_KV_LAYERS(SHRIKE_KV_LAYER)
SHRIKE_KV_HEADS(SHRIKE_KV_HEAD)
SHRIKE_KV_SELECTS(SHRIKE_KV_SELECT)
SHRIKE_KV_MERGES(SHRIKE_KV_MERGE)
SHRIKE_KV_PLACES(SHRIKE_KV_PLACE)
SHRIKE_KV_CODECS(SHRIKE_KV_CODEC)

}  // namespace parts

// All rows of a kind: catalogue<ScorePart>().
template <class Run>
[[nodiscard]] std::span<const PartRow<Run>* const> catalogue() noexcept;

}  // namespace shrike::kv
