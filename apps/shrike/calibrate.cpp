#include <cstdio>
#include <filesystem>

#include "apps/shrike/calibration.hpp"
#include "apps/shrike/errors.hpp"
#include "apps/shrike/eval_files.hpp"
#include "apps/shrike/eval_setup.hpp"
#include "apps/shrike/meter.hpp"
#include "apps/shrike/options.hpp"
#include "apps/shrike/signals.hpp"
#include "apps/shrike/stream.hpp"

namespace shrike::cli {
namespace {

constexpr const char* kFooter = R"(
A session that forgets nothing watches, and answers; then once more for each kv head of each layer without the words
of past frames in that head, and without their pictures. How much less the model then expects its own answer is what
the head is worth. A policy that reads it (novel) keeps more where answers look. Ask what will be asked later, of
streams like those that will be seen; right answers are not needed. Without a source: little worlds and
their questions, which the shipped model was taught with.

The result goes to stdout, or to a file; one that is called MODEL.heads beside MODEL.gguf is used from then on.

Examples:
  shrike calibrate -o models/perch/perch-f16.heads
  shrike calibrate -m model.gguf --mmproj mmproj.gguf -s yesterday.mp4 --ask "Who came to the door?" -o model.heads)";

constexpr int kQuestions = 12;  // of a world, at most

struct Arguments {
  ModelArguments model;
  SourceArguments source;
  std::vector<std::string> questions;
  int n_streams = 40, n_frames = 0;
  std::int64_t seed = 900'000;  // far from where `shrike eval` begins
  std::string out;
  bool quiet = false;
};

// What only remembers, and is told when memory is full.
class Silent : public Listener {
 public:
  void frame(double, const SeeResult& result) override { full = result.status == See::memory_full; }
  void event(double, const std::string&) override {}
  bool full = false;
};

int write(const Calibration& calibration, const Arguments& a, const std::string& what) {
  if (calibration.n_asked() == 0)
    return stop_asked() ? stop_code() : fail(kUsage, "no question could be asked");
  const std::string text = kv::head_profile_text(
      calibration.profile(),
      "head profile of " + std::filesystem::path(a.model.model).filename().string() + ", from " +
          std::to_string(calibration.n_asked()) + " questions about " + what +
          "\nlayer, kv head, worth of past words, of past pictures: see shrike calibrate --help");
  if (a.out.empty()) {
    std::fputs(text.c_str(), stdout);
    return kOk;
  }
  const Status written = write_file(a.out, text);
  return written ? kOk : fail(written.error());
}

int from_source(Arguments& a) {
  if (a.questions.empty()) return fail(kUsage, "--source needs questions about it (--ask)");
  const Result<SourceOptions> source = source_options(a.source);
  if (!source) return fail(source.error());
  a.model.kv_policy = "full";
  a.model.rehearses = true;
  if (a.model.kv_budget.empty()) a.model.kv_budget = "1GiB";  // no more of it is taken than positions need
  Result<std::unique_ptr<Stream>> opened = Stream::open(a.model, *source);
  if (!opened) return fail(opened.error());
  Stream& stream = **opened;
  Silent listener;
  Meter meter(a.quiet);
  for (bool more = true; more && !listener.full;) {
    switch (stream.next(listener)) {
      case Stream::Next::frame:
        stream.see(listener);
        break;
      case Stream::Next::waiting:
        break;
      case Stream::Next::ended:
        more = false;
        break;
      case Stream::Next::interrupted:
        return stop_code();
      case Stream::Next::failed:
        return fail(kBadData, stream.failure());
    }
  }
  Calibration calibration(stream.session());
  for (std::size_t i = 0; i < a.questions.size() && !stop_asked(); ++i) {
    if (!calibration.ask(a.questions[i]))
      return fail(kUsage, "--ask: a question has more tokens than --question-tokens allows (" +
                              std::to_string(a.model.question_tokens) + ")");
    meter.tell(static_cast<double>(i + 1) / static_cast<double>(a.questions.size()));
  }
  meter.clear();
  return write(calibration, a, std::to_string(stream.session().stats().frames_held) + " frames");
}

int from_worlds(Arguments& a) {
  if (!a.questions.empty()) return fail(kUsage, "--ask needs a stream to ask about (--source)");
  EvalArguments streams;
  streams.model = a.model;
  streams.policies = "full";
  streams.mode = "requests";
  streams.n_streams = a.n_streams;
  streams.n_frames = a.n_frames;
  streams.n_questions = kQuestions;
  streams.seed = a.seed;
  const Result<EvalOptions> made = eval_options(streams);
  if (!made) return fail(made.error());
  SessionOptions options = made->session;
  options.n_threads = made->n_threads;
  options.kv_policy = "full";
  options.kv_budget_bytes = made->full_budget_bytes;
  options.rehearses = true;
  const Result<std::unique_ptr<Session>> opened = Session::open(options);
  if (!opened) return fail(opened.error());
  Session& session = **opened;
  const synthetic::WorldOptions& world = made->streams.front().world;
  StreamEncoder encoder(session, world.width, world.height);
  Calibration calibration(session);
  Meter meter(a.quiet);
  int n_done = 0;
  for (const EvalStream& stream : made->streams) {
    EncodedStream encoded;
    if (!encoder.encode(stream, encoded)) break;
    session.reset();
    for (std::size_t k = 0; k < encoded.seconds.size() && !stop_asked(); ++k)
      session.see(encoded.frame(k), encoded.seconds[k]);
    for (const synthetic::Question& question : stream.questions)
      if (!stop_asked()) calibration.ask(question.text);
    if (stop_asked()) break;
    meter.tell(++n_done / static_cast<double>(a.n_streams));
  }
  meter.clear();
  return write(calibration, a,
               std::to_string(n_done) + " worlds of " + std::to_string(world.n_frames) +
                   " frames, seeds from " + std::to_string(a.seed));
}

}  // namespace

Run add_calibrate(CLI::App& app) {
  auto a = std::make_shared<Arguments>();
  app.footer(kFooter);
  add_source_options(app, a->source);
  app.add_option("--ask", a->questions, "A question about the source; give several")->allow_extra_args(false);
  app.add_option("--streams", a->n_streams, "Without a source: worlds to watch")->capture_default_str();
  app.add_option("--frames", a->n_frames,
                 "Of each, in frames (default: 64, or as many as the model has positions for)");
  app.add_option("--seed", a->seed, "Of the first world; the others have the next ones")
      ->capture_default_str();
  app.add_option("-o,--out", a->out, "File to write, MODEL.heads (default: stdout)");
  app.add_flag("-q,--quiet", a->quiet, "No progress");
  add_model_options(app, a->model);
  return [a] {
    catch_signals();
    a->model.kv_heads = "none";
    if (a->model.model.empty() && a->model.mmproj.empty()) {
      const Result<SessionOptions> shipped = session_options(a->model);
      if (!shipped) return fail(shipped.error());
      a->model.model = shipped->model_path;
      a->model.mmproj = shipped->mmproj_path;
    }
    return a->source.source.empty() ? from_worlds(*a) : from_source(*a);
  };
}

}  // namespace shrike::cli
