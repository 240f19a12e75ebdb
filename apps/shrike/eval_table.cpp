#include "apps/shrike/eval_table.hpp"

#include <algorithm>
#include <cmath>

#include "apps/shrike/print.hpp"
#include "apps/shrike/units.hpp"

namespace shrike::cli {
namespace {

constexpr std::size_t kNameMax = 34;  // of a policy; compositions by hand can be longer than a line

std::string shown_name(const std::string& name) {
  return name.size() <= kNameMax ? name : name.substr(0, kNameMax - 2) + "..";
}

std::string percent(double share) {
  char text[16];
  std::snprintf(text, sizeof(text), "%.1f", 100 * share);
  return text;
}

std::string interval_text(const Interval& interval) {
  char text[16];
  std::snprintf(text, sizeof(text), "%.0f-%.0f", 100 * interval.low, 100 * interval.high);
  return text;
}

std::string p_text(const EvalCell& cell) {
  if (cell.is_full) return "";
  if (cell.p_equal < 0.001) return "<0.001";
  char text[16];
  std::snprintf(text, sizeof(text), "%.3f", cell.p_equal);
  return text;
}

class Table {
 public:
  Table(std::FILE* to, const EvalReport& report) : to_(to), ink_(to), report_(report) {
    for (const EvalCell& cell : report.cells)
      name_width_ = std::max(name_width_, static_cast<int>(shown_name(cell.policy).size()));
  }

  void print() {
    heading();
    for (const EvalMode mode : {EvalMode::multi_request, EvalMode::multi_turn}) {
      const auto of_mode = [&](const EvalCell& cell) { return cell.mode == mode; };
      if (std::none_of(report_.cells.begin(), report_.cells.end(), of_mode)) continue;
      std::fprintf(to_, "\n%s%s%s\n", ink_.bold, mode_text(mode), ink_.off);
      overview(mode);
      by_kind(mode);
      by_age(mode);
    }
  }

 private:
  void heading() {
    std::fprintf(to_, "%s%d stream%s of %d frames, %s questions%s; who guesses gets %.0f %% right\n",
                 ink_.bold, report_.n_streams, report_.n_streams == 1 ? "" : "s", report_.n_frames,
                 grouped(report_.n_questions).c_str(), ink_.off, 100 * report_.guess_share);
    if (report_.interrupted) std::fprintf(to_, "Interrupted: these are the streams that were through\n");
    if (report_.as_long_as_possible)
      std::fprintf(to_, "More frames, with their questions, would have no positions in the model\n");
    if (report_.cells.empty()) return;
    std::fprintf(to_, "A whole stream is %s of KV; to encode a frame takes %.1f ms, whatever the policy\n",
                 bytes_text(report_.cells.front().full_kv_bytes).c_str(), report_.encode_ms);
  }

  void begin_line(const EvalCell& cell) {
    std::fprintf(to_, "  %-*s  %7s", name_width_, shown_name(cell.policy).c_str(), cell.budget.c_str());
  }
  void begin_header() { std::fprintf(to_, "%s  %-*s  %7s", ink_.dim, name_width_, "policy", "budget"); }

  // `line` prints what comes behind policy and budget.
  template <class Line>
  void lines(EvalMode mode, bool with_too_small, Line&& line) {
    for (const EvalCell& cell : report_.cells) {
      if (cell.mode != mode) continue;
      if (cell.n_streams == 0 && !with_too_small) continue;
      begin_line(cell);
      if (cell.n_streams == 0)
        std::fprintf(to_, "  %stoo small, the smallest that works is %g%% (%s)%s", ink_.dim,
                     cell.needed_percent, bytes_argument(cell.too_small_for).c_str(), ink_.off);
      else
        line(cell);
      std::fputc('\n', to_);
    }
  }

  void overview(EvalMode mode) {
    begin_header();
    std::fprintf(to_, "  %10s  %10s  %10s  %7s  %7s  %6s  %8s  %8s  %8s%s\n", "kept", "in blocks", "and room",
                 "right %", "95 %", "old %", "p (full)", "ms/frame", "ms/token", ink_.off);
    lines(mode, true, [&](const EvalCell& cell) {
      std::fprintf(to_, "  %10s  %10s  %10s  %s%7s%s  %7s  %6s  %8s  %8.2f  %8.2f",
                   bytes_text(cell.kept_bytes).c_str(), bytes_text(cell.kv_bytes).c_str(),
                   bytes_text(cell.pool_bytes - cell.kv_bytes).c_str(), ink_.bold,
                   percent(cell.all.cell.share()).c_str(), ink_.off,
                   interval_text(cell.all.cell.interval()).c_str(),
                   cell.old.cell.n > 0 ? percent(cell.old.cell.share()).c_str() : "-", p_text(cell).c_str(),
                   cell.frame_ms, cell.token_ms);
      if (cell.n_streams < report_.n_streams)
        std::fprintf(to_, "  %s%d streams only%s", ink_.dim, cell.n_streams, ink_.off);
    });
    std::fprintf(
        to_,
        "%s  kept: slots, when all is seen and nothing asked yet; in blocks: what these take of the pool; "
        "and room: the rest of it, for a frame, a question and its answer%s\n",
        ink_.dim, ink_.off);
    if (std::any_of(report_.cells.begin(), report_.cells.end(),
                    [](const EvalCell& c) { return c.is_oracle; }))
      std::fprintf(to_,
                   "%s  oracle: no method; it knew the questions before the first frame, and kept the frames "
                   "that they are about%s\n",
                   ink_.dim, ink_.off);
    std::fprintf(to_,
                 "%s  old: last in view in the older half of the stream; p: how probable it is that chance "
                 "alone parts it so far from full%s\n",
                 ink_.dim, ink_.off);
  }

  // Columns as wide as their names; those of which nothing was asked are left out.
  template <std::size_t N, class Name>
  void by(EvalMode mode, const char* what, std::array<EvalGroup, N> EvalCell::*groups, Name&& name) {
    std::array<bool, N> asked{};
    for (const EvalCell& cell : report_.cells)
      for (std::size_t i = 0; i < N; ++i) asked[i] = asked[i] || (cell.*groups)[i].cell.n > 0;
    const auto width = [&](std::size_t i) {
      return std::max<int>(4, static_cast<int>(std::string(name(i)).size()));
    };
    std::fprintf(to_, "\n  percent right by %s\n", what);
    begin_header();
    for (std::size_t i = 0; i < N; ++i)
      if (asked[i]) std::fprintf(to_, "  %*s", width(i), name(i));
    std::fprintf(to_, "%s\n", ink_.off);
    lines(mode, false, [&](const EvalCell& cell) {
      for (std::size_t i = 0; i < N; ++i) {
        const Tally& tally = (cell.*groups)[i].cell;
        if (!asked[i]) continue;
        const std::string text = tally.n > 0 ? std::to_string(std::lround(100 * tally.share())) : "-";
        std::fprintf(to_, "  %*s", width(i), text.c_str());
      }
    });
  }

  void by_kind(EvalMode mode) {
    by(mode, "kind of question", &EvalCell::kinds,
       [](std::size_t kind) { return synthetic::word(static_cast<synthetic::Kind>(kind)); });
  }
  void by_age(EvalMode mode) {
    by(mode, "frames since what is asked about was in view", &EvalCell::ages,
       [](std::size_t klass) { return age_word(static_cast<int>(klass)); });
  }

  std::FILE* to_;
  Ink ink_;
  const EvalReport& report_;
  int name_width_ = 6;
};

}  // namespace

const char* mode_text(EvalMode mode) noexcept {
  return mode == EvalMode::multi_turn ? "multi-turn: one question after the other, turns stay in the memory"
                                      : "multi-request: each question of the stream alone";
}

void print_report(std::FILE* to, const EvalReport& report) { Table(to, report).print(); }

}  // namespace shrike::cli
