#include "apps/shrike/eval_report.hpp"

#include <algorithm>

namespace shrike::cli {
namespace {

constexpr double kMs = 1e-6;  // of a nanosecond

constexpr struct {
  int upto;  // the oldest age of the class
  const char* word;
} kAgeRows[kAges] = {{-1, "needs none"}, {0, "in view"}, {4, "1-4"},    {8, "5-8"},
                     {16, "9-16"},       {32, "17-32"},  {64, "33-64"}, {1 << 30, "over 64"}};

// Gathers one cell stream by stream.
class Gathering {
 public:
  Gathering(const EvalTrack& track, EvalMode mode) {
    cell_.policy = track.policy;
    cell_.budget = track.text();
    cell_.mode = mode;
    cell_.is_full = !track.budget;
    cell_.is_oracle = track.is_oracle;
  }

  void add(const EvalStream& stream, const EvalWatched& watched, const EvalWatched& full, std::size_t mode) {
    if (!full.done || full.asked.size() <= mode) return;
    cell_.full_kv_bytes = std::max(cell_.full_kv_bytes, full.kept_bytes);
    cell_.budget_bytes = std::max(cell_.budget_bytes, cell_.is_full ? full.kept_bytes : watched.budget_bytes);
    note_too_small(watched.too_small_for, full.kept_bytes);
    if (!watched.done || watched.asked.size() <= mode) return;
    const EvalAsked& asked = watched.asked[mode];
    note_too_small(asked.too_small_for, full.kept_bytes);
    if (asked.answers.empty()) return;
    ++cell_.n_streams;
    cell_.kept_bytes = std::max(cell_.kept_bytes, watched.kept_bytes);
    cell_.kv_bytes = std::max(cell_.kv_bytes, watched.kv_bytes);
    cell_.pool_bytes = std::max(cell_.pool_bytes, watched.pool_bytes);
    note_times(watched, asked);
    cell_.live.resize(watched.live.size());
    for (std::size_t i = 0; i < watched.live.size(); ++i) cell_.live[i] += watched.live[i];
    const std::size_t n = std::min(asked.answers.size(), full.asked[mode].answers.size());
    for (std::size_t q = 0; q < n; ++q)
      note_answer(stream.questions[q], asked.answers[q].right, full.asked[mode].answers[q].right);
  }

  EvalCell finish() {
    cell_.p_equal = mcnemar_p(cell_.n_only_cell, cell_.n_only_full);
    cell_.frame_ms = static_cast<double>(median(std::move(frame_ns_))) * kMs;
    cell_.token_ms = static_cast<double>(median(std::move(token_ns_))) * kMs;
    for (double& live : cell_.live) live /= std::max(cell_.n_streams, 1);
    return std::move(cell_);
  }

 private:
  void note_too_small(std::int64_t needed, std::int64_t full_bytes) {
    cell_.too_small_for = std::max(cell_.too_small_for, needed);
    if (needed > 0)
      cell_.needed_percent = std::max(cell_.needed_percent, smallest_percent(needed, full_bytes));
  }

  // The mean of a stream, because only some frames make room; then the median, because other programs run
  // too.
  void note_times(const EvalWatched& watched, const EvalAsked& asked) {
    std::int64_t sum = 0;
    for (const std::int64_t ns : watched.see_ns) sum += ns;
    frame_ns_.push_back(sum / std::max<std::int64_t>(std::ssize(watched.see_ns), 1));
    for (const EvalAnswer& answer : asked.answers) token_ns_.push_back(answer.ns_per_token);
  }

  void note_answer(const synthetic::Question& question, bool right, bool full_right) {
    const auto add = [&](EvalGroup& group) {
      group.cell.add(right);
      group.full.add(full_right);
    };
    add(cell_.all);
    if (is_about_old(question)) add(cell_.old);
    add(cell_.kinds[static_cast<std::size_t>(question.kind)]);
    add(cell_.ages[static_cast<std::size_t>(age_class(question.age))]);
    cell_.n_only_cell += right && !full_right ? 1 : 0;
    cell_.n_only_full += full_right && !right ? 1 : 0;
  }

  EvalCell cell_;
  std::vector<std::int64_t> frame_ns_, token_ns_;
};

}  // namespace

int age_class(int age) noexcept {
  int klass = 0;
  while (age > kAgeRows[klass].upto) ++klass;
  return klass;
}

const char* age_word(int klass) noexcept { return kAgeRows[klass].word; }

EvalReport make_report(const EvalOptions& options, const EvalOutcome& outcome) {
  EvalReport report;
  report.model = options.session.model_path;
  report.seed = options.streams.front().world.seed;
  report.n_frames = options.streams.front().world.n_frames;
  report.as_long_as_possible = options.as_long_as_possible;
  report.n_layers = outcome.n_layers;
  report.n_kv_heads = outcome.n_kv_heads;
  report.guess_share = guess_share(options.streams);
  report.encode_ms = static_cast<double>(median(outcome.encode_ns)) * kMs;
  report.interrupted = outcome.interrupted;
  for (std::size_t s = 0; s < options.streams.size(); ++s) {
    if (!outcome.tracks[0][s].done) continue;
    ++report.n_streams;
    report.n_questions += std::ssize(options.streams[s].questions);
  }
  for (std::size_t mode = 0; mode < options.modes.size(); ++mode)
    for (std::size_t t = 0; t < options.tracks.size(); ++t) {
      Gathering gathering(options.tracks[t], options.modes[mode]);
      for (std::size_t s = 0; s < options.streams.size(); ++s)
        gathering.add(options.streams[s], outcome.tracks[t][s], outcome.tracks[0][s], mode);
      EvalCell cell = gathering.finish();
      if (cell.n_streams > 0 || cell.too_small_for > 0) report.cells.push_back(std::move(cell));
    }
  return report;
}

}  // namespace shrike::cli
