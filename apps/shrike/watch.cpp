#include <algorithm>
#include <cmath>

#include "apps/shrike/errors.hpp"
#include "apps/shrike/memory_view.hpp"
#include "apps/shrike/options.hpp"
#include "apps/shrike/print.hpp"
#include "apps/shrike/service.hpp"
#include "apps/shrike/signals.hpp"
#include "apps/shrike/stream.hpp"
#include "apps/shrike/units.hpp"

namespace shrike::cli {
namespace {

struct Arguments {
  ModelArguments model;
  SourceArguments source;
  std::vector<std::string> ask, at;
  std::string every;
  std::int64_t frames = 0;
  bool json = false, quiet = false, explain = false;
};

constexpr std::size_t kShown = 60;  // of a question, in a message about it

constexpr const char* kExamples = R"(Examples:
  shrike watch -s clip.mp4 --ask "What is in view now?"
  shrike watch -s /dev/video0 --ask "Is anyone at the door?" --every 5s --json
  shrike watch -s rtsp://user:pass@camera/stream --ask "What changed?" --every 1m --kv-budget 8MiB --mlock
  shrike watch -s clip.mp4 --ask "What was first?" --at 00:17 --at end)";

// When to ask: at times of the stream, or every so often, and once more at the end.
struct Schedule {
  double every = 0;
  std::vector<double> at;  // ascending
  bool at_end = false;
  std::size_t next_at = 0;
  double next_every = 0;

  bool due_before(double seconds) const { return next_at < at.size() && at[next_at] < seconds; }
  bool due_after(double seconds) {
    if (every <= 0 || seconds < next_every) return false;
    next_every = (std::floor(seconds / every) + 1) * every;
    return true;
  }
};

Result<Schedule> schedule_of(const Arguments& a) {
  Schedule s;
  if (!a.every.empty() && !a.at.empty()) return Error{Code::usage, "exclude one another", "--every and --at"};
  for (const std::string& text : a.at) {
    if (text == "end") {
      s.at_end = true;
      continue;
    }
    const std::optional<double> seconds = parse_seconds(text);
    if (!seconds) return Error{Code::usage, "is no time; write 01:07, 67s or end", "--at " + text};
    s.at.push_back(*seconds);
  }
  std::sort(s.at.begin(), s.at.end());
  if (a.at.empty()) {
    const std::optional<double> seconds = parse_seconds(a.every.empty() ? "2s" : a.every);
    if (!seconds || *seconds <= 0)
      return Error{Code::usage, "is no time above 0; write 2s, 500ms or 1m", "--every " + a.every};
    s.every = *seconds;
  }
  return s;
}

class Watch : public Listener {
 public:
  Watch(const Arguments& a, Stream& stream, Schedule schedule)
      : a_(a), stream_(stream), schedule_(std::move(schedule)), progress_(a.quiet) {}

  int run() {
    for (;;) {
      notify_alive();
      switch (stream_.next(*this)) {
        case Stream::Next::waiting:
          continue;
        case Stream::Next::frame:
          break;
        case Stream::Next::interrupted:
          return finish(false, stop_code());
        case Stream::Next::ended:
          return finish(true, kOk);
        case Stream::Next::failed:
          return failed();
      }
      while (schedule_.due_before(stream_.seconds_ahead())) {
        round();
        ++schedule_.next_at;
      }
      stream_.see(*this);
      if (schedule_.due_after(stream_.seconds())) round();
      if (impossible_ != kOk) return impossible_;
      if (a_.frames > 0 && ++n_frames_ >= a_.frames) return finish(true, kOk);
    }
  }

  void frame(double seconds, const SeeResult& result) override {
    last_ = result;
    asked_since_frame_ = false;
    explained_ = false;
    if (a_.json || !progress_wanted()) return;
    const SessionStats stats = stream_.session().stats();
    progress_.show(clock_text(seconds) + "  " + std::to_string(stats.n_frames_seen) + " frames, " +
                   std::to_string(stats.frames_held) + " held since " +
                   clock_text(stats.oldest_frame_seconds));
  }

  void event(double seconds, const std::string& text) override {
    progress_.clear();
    std::fprintf(stderr, "shrike: %s  %s\n", clock_text(seconds).c_str(), printable(text).c_str());
    if (a_.json) print_json({{"v", 1}, {"type", "event"}, {"frame_ts", seconds}, {"text", text}});
  }

 private:
  bool progress_wanted() const { return !a_.quiet; }

  void round() {
    for (std::size_t q = 0; q < a_.ask.size(); ++q) {
      const AskResult result = stream_.ask(a_.ask[q], text_);
      if (result.status == Ask::too_long) {
        progress_.clear();
        impossible_ =
            fail(kUsage, "a question has more tokens than --question-tokens allows (" +
                             std::to_string(a_.model.question_tokens) + "): " + a_.ask[q].substr(0, kShown) +
                             (a_.ask[q].size() > kShown ? " ..." : ""));
        return;
      }
      progress_.clear();
      if (a_.json)
        print_answer(q, result);
      else {
        std::printf("%s  %s \xE2\x86\x92 %s%s\n", clock_text(stream_.seconds()).c_str(),
                    printable(a_.ask[q]).c_str(), printable(text_).c_str(),
                    result.status == Ask::cut ? " ..." : "");
        std::fflush(stdout);
      }
    }
    asked_since_frame_ = true;
    explain();
  }

  void explain() {
    if (!a_.explain || explained_) return;
    explained_ = true;
    const MemoryView view = look_into(stream_.session());
    if (!a_.json) {
      std::fputs(memory_text(view).c_str(), stderr);
      return;
    }
    Json object = {{"v", 1}, {"type", "memory"}, {"frame_ts", stream_.seconds()}};
    object.update(memory_json(view));
    print_json(object);
  }

  void print_answer(std::size_t q, const AskResult& result) {
    const SessionStats stats = stream_.session().stats();
    print_json({{"v", 1},
                {"type", "answer"},
                {"seq", seq_++},
                {"frame_ts", stream_.seconds()},
                {"prompt_id", q},
                {"prompt", a_.ask[q]},
                {"text", text_},
                {"finish", result.status == Ask::cut ? "length" : "stop"},
                {"ms",
                 {{"encode", static_cast<double>(last_.encode_ns) * 1e-6},
                  {"prefill", static_cast<double>(last_.prefill_ns + result.prefill_ns) * 1e-6},
                  {"decode", static_cast<double>(result.decode_ns) * 1e-6}}},
                {"tokens", {{"image", last_.tokens}, {"out", result.answer_tokens}}},
                {"kv",
                 {{"used", stats.blocks_used},
                  {"budget", stats.blocks_max},
                  {"evicted", stats.n_tokens_evicted},
                  {"oldest_frame_ts", stats.oldest_frame_seconds}}}});
  }

  // The stream is over: what was still to be asked is asked now, then the summary.
  int finish(bool ask_more, int code) {
    const bool nothing_yet = stream_.session().stats().n_frames_seen == 0;
    if (ask_more && !nothing_yet &&
        (schedule_.next_at < schedule_.at.size() || schedule_.at_end || schedule_.every > 0) &&
        !asked_since_frame_)
      round();
    if (impossible_ != kOk) return impossible_;
    progress_.clear();
    explain();
    notify_service("STOPPING=1");
    const Summary summary = stream_.summary();
    if (a_.json) {
      Json object = summary_json(summary, stream_.session().plan());
      object["v"] = 1;
      object["type"] = "summary";
      print_json(object);
    } else if (!a_.quiet) {
      std::fprintf(stderr, "%s\n", summary.interrupted ? "Interrupted." : "End of the stream.");
      print_summary(stderr, summary, stream_.session().plan());
    }
    return code;
  }

  int failed() {
    const std::string note = stream_.failure();
    const bool any = stream_.session().stats().n_frames_seen > 0;
    if (any || a_.json) finish(any, kOk);  // of nothing there is no summary to read
    progress_.clear();
    return fail(is_live(source_kind(a_.source.source)) ? kUnavailable : kBadData, note);
  }

  const Arguments& a_;
  Stream& stream_;
  Schedule schedule_;
  Progress progress_;
  SeeResult last_;
  std::string text_;
  std::int64_t seq_ = 0, n_frames_ = 0;
  bool asked_since_frame_ = false;
  bool explained_ = true;  // what is remembered now; of nothing there is nothing to tell
  int impossible_ = kOk;  // the exit code for a question that can never be asked
};

}  // namespace

Run add_watch(CLI::App& app) {
  auto a = std::make_shared<Arguments>();
  app.footer(kExamples);
  add_source_options(app, a->source);
  app.add_option("-a,--ask", a->ask, "A standing question; may come several times")->allow_extra_args(false);
  app.add_option("--every", a->every, "Ask so often in the stream's time: 2s, 500ms, 1m (default: 2s)");
  app.add_option("--at", a->at, "Ask at that time of the stream: 01:07, 67s, end; may come several times")
      ->allow_extra_args(false);
  app.add_option("--frames", a->frames, "Stop after so many frames");
  app.add_flag("--explain", a->explain,
               "Behind the answers, what is remembered: frames by layer and head, one line per layer");
  app.add_flag("--json", a->json, "One object per line on stdout");
  app.add_flag("-q,--quiet", a->quiet, "No plan, no progress, no summary");
  add_model_options(app, a->model);
  return [a] {
    const Result<SourceOptions> source = source_options(a->source);
    if (!source) return fail(source.error());
    Result<Schedule> schedule = schedule_of(*a);
    if (!schedule) return fail(schedule.error());
    if (a->frames < 0)
      return fail(kUsage, "--frames " + std::to_string(a->frames) + ": must be 0 (all of them) or more");
    if (std::count(a->ask.begin(), a->ask.end(), "") > 0) return fail(kUsage, "--ask: the question is empty");
    for (const std::string& question : a->ask)
      a->model.standing_question.append(a->model.standing_question.empty() ? "" : " ").append(question);
    catch_signals();
    Result<std::unique_ptr<Stream>> stream = Stream::open(a->model, *source);
    if (!stream) return fail(stream.error());
    if (a->json) {
      Json plan = plan_json((*stream)->session().plan());
      plan["v"] = 1;
      plan["type"] = "plan";
      print_json(plan);
    } else if (!a->quiet) {
      print_plan(stderr, (*stream)->session().plan());
    }
    notify_service("READY=1");
    return Watch(*a, **stream, std::move(schedule).value()).run();
  };
}

}  // namespace shrike::cli
