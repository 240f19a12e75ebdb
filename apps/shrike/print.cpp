#include "apps/shrike/print.hpp"

#include <unistd.h>

#include <cstdlib>
#include <cstring>

#include "apps/shrike/errors.hpp"
#include "apps/shrike/units.hpp"

namespace shrike::cli {
namespace {

bool for_a_person(std::FILE* to) {
  const char* term = std::getenv("TERM");
  const char* no_color = std::getenv("NO_COLOR");
  return isatty(fileno(to)) && !(no_color != nullptr && *no_color != '\0') &&
         !(term != nullptr && std::strcmp(term, "dumb") == 0);
}

const char* kind_text(PlanRow::Kind kind) {
  switch (kind) {
    case PlanRow::Kind::arena:
      return "arena";
    case PlanRow::Kind::overlaid:
      return "overlaid";
    case PlanRow::Kind::beside:
      return "beside";
    case PlanRow::Kind::mapped:
      return "mapped";
  }
  return "";
}

std::int64_t signed_bytes(std::size_t bytes) { return static_cast<std::int64_t>(bytes); }

void print_row(std::FILE* to, const std::string& name, std::size_t bytes, const std::string& from) {
  std::fprintf(to, "  %-18s %10s  %s\n", name.c_str(), bytes_text(signed_bytes(bytes)).c_str(), from.c_str());
}

}  // namespace

Ink::Ink(std::FILE* to) {
  if (!for_a_person(to)) return;
  good = "\033[32m";
  bad = "\033[31m";
  dim = "\033[2m";
  bold = "\033[1m";
  off = "\033[0m";
}

void print_plan(std::FILE* to, const Plan& plan) {
  const Ink ink(to);
  std::fprintf(to, "%sMemory plan%s\n", ink.bold, ink.off);
  for (const PlanRow& row : plan.rows)
    if (row.kind == PlanRow::Kind::arena)
      print_row(to, row.name, row.bytes, row.from);
    else if (row.kind == PlanRow::Kind::overlaid)
      print_row(to, "(" + row.name + ")", row.bytes, row.from);
  print_row(
      to, "= one arena", plan.arena_bytes(),
      "one mapping, taken before the first frame; (rows) lie where a larger stage works at other times");
  for (const PlanRow& row : plan.rows)
    if (row.kind == PlanRow::Kind::beside) print_row(to, "+ " + row.name, row.bytes, row.from);
  std::fprintf(
      to, "  %s%-18s %10s%s  never exceeded%s\n", ink.bold, "= total",
      bytes_text(signed_bytes(plan.total_bytes())).c_str(), ink.off,
      plan.memory_max_bytes > 0 ? (", cap " + bytes_text(signed_bytes(plan.memory_max_bytes))).c_str() : "");
  for (const PlanRow& row : plan.rows)
    if (row.kind == PlanRow::Kind::mapped)
      print_row(to, "  " + row.name, row.bytes, row.from + ": page cache, reclaimable");
  if (plan.tokens_per_frame > 0)
    std::fprintf(
        to,
        "  a frame is %d tokens, a token %s of KV in %s; remembers %d frames (%d tokens) and keeps %d "
        "tokens free for asking\n",
        plan.tokens_per_frame, bytes_text(signed_bytes(plan.kv_bytes_per_token)).c_str(),
        std::string(plan.kv_codec).c_str(), plan.stream_frames_max, plan.stream_tokens_max,
        plan.ask_tokens_max);
  std::fprintf(to, "  smallest --kv-budget that works: %s, a sensible one: %s\n",
               bytes_argument(signed_bytes(plan.kv_budget_min_bytes)).c_str(),
               bytes_argument(signed_bytes(plan.kv_budget_sensible_bytes)).c_str());
}

Json plan_json(const Plan& plan) {
  Json rows = Json::array();
  for (const PlanRow& row : plan.rows)
    rows.push_back(
        {{"name", row.name}, {"kind", kind_text(row.kind)}, {"bytes", row.bytes}, {"from", row.from}});
  return {{"rows", rows},
          {"arena_bytes", plan.arena_bytes()},
          {"beside_bytes", plan.beside_bytes()},
          {"mapped_bytes", plan.mapped_bytes()},
          {"total_bytes", plan.total_bytes()},
          {"memory_max_bytes", plan.memory_max_bytes},
          {"kv_budget_bytes", plan.kv_budget_bytes},
          {"kv_budget_min_bytes", plan.kv_budget_min_bytes},
          {"kv_budget_sensible_bytes", plan.kv_budget_sensible_bytes},
          {"kv_codec", plan.kv_codec},
          {"kv_bytes_per_token", plan.kv_bytes_per_token},
          {"tokens_per_frame", plan.tokens_per_frame},
          {"stream_tokens_max", plan.stream_tokens_max},
          {"stream_frames_max", plan.stream_frames_max},
          {"ask_tokens_max", plan.ask_tokens_max},
          {"context_max", plan.context_max},
          {"fits", plan.fits()}};
}

void print_summary(std::FILE* to, const Summary& s, const Plan& plan) {
  const double speed = s.wall_seconds > 0 ? s.stream_seconds / s.wall_seconds : 0;
  std::fprintf(to,
               "  frames      %lld seen, %llu dropped, %lld not remembered; %d held, the oldest from %s\n",
               static_cast<long long>(s.n_frames), static_cast<unsigned long long>(s.source.n_dropped),
               static_cast<long long>(s.n_refused), s.session.frames_held,
               clock_text(s.session.oldest_frame_seconds).c_str());
  if (s.source.n_restarts > 0 || s.source.n_broken > 0)
    std::fprintf(to, "  capture     %llu restarts, %.1f s without frames, %llu broken frames\n",
                 static_cast<unsigned long long>(s.source.n_restarts), s.source.gap_seconds,
                 static_cast<unsigned long long>(s.source.n_broken));
  std::fprintf(to, "  tokens      %s in, %s out, %s evicted; %d held of at most %d\n",
               grouped(s.session.n_tokens_in).c_str(), grouped(s.session.n_tokens_out).c_str(),
               grouped(s.session.n_tokens_evicted).c_str(), s.session.tokens_held, s.session.tokens_max);
  std::fprintf(to, "  answers     %lld, %.1f ms each (median)\n",
               static_cast<long long>(s.session.n_questions), s.answer_ms);
  std::fprintf(to,
               "  time        %.1f s of video in %.2f s, %.0f x real time; a frame %.1f ms to encode, %.1f "
               "ms to remember; first frame after %.0f ms\n",
               s.stream_seconds, s.wall_seconds, speed, s.encode_ms, s.prefill_ms, s.first_frame_ms);
  std::fprintf(
      to,
      "  memory      %s at most, of %s planned (without weights in the page cache and the capture process)\n",
      bytes_text(s.peak_bytes).c_str(), bytes_text(signed_bytes(plan.total_bytes())).c_str());
}

Json summary_json(const Summary& s, const Plan& plan) {
  return {{"frames", s.n_frames},
          {"dropped", s.source.n_dropped},
          {"broken", s.source.n_broken},
          {"not_remembered", s.n_refused},
          {"restarts", s.source.n_restarts},
          {"gap_seconds", s.source.gap_seconds},
          {"tokens_in", s.session.n_tokens_in},
          {"tokens_out", s.session.n_tokens_out},
          {"tokens_evicted", s.session.n_tokens_evicted},
          {"tokens_held", s.session.tokens_held},
          {"frames_held", s.session.frames_held},
          {"oldest_frame_seconds", s.session.oldest_frame_seconds},
          {"answers", s.session.n_questions},
          {"stream_seconds", s.stream_seconds},
          {"wall_seconds", s.wall_seconds},
          {"first_frame_ms", s.first_frame_ms},
          {"ms", {{"encode", s.encode_ms}, {"prefill", s.prefill_ms}, {"answer", s.answer_ms}}},
          {"peak_bytes", s.peak_bytes},
          {"planned_bytes", plan.total_bytes()},
          {"interrupted", s.interrupted}};
}

void print_json(const Json& object) {
  const std::string line = object.dump(-1, ' ', false, Json::error_handler_t::replace);
  std::fprintf(stdout, "%s\n", line.c_str());
  std::fflush(stdout);
}

Progress::Progress(bool quiet) : on_(!quiet && for_a_person(stderr)) {}

void Progress::show(const std::string& text) {
  if (!on_) return;
  std::fprintf(stderr, "\r\033[K%s", text.c_str());
  std::fflush(stderr);
  shown_ = true;
}

void Progress::clear() {
  if (shown_) std::fprintf(stderr, "\r\033[K");
  shown_ = false;
}

}  // namespace shrike::cli
