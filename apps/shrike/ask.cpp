#include <filesystem>

#include "apps/shrike/errors.hpp"
#include "apps/shrike/options.hpp"
#include "apps/shrike/print.hpp"
#include "apps/shrike/signals.hpp"
#include "apps/shrike/stream.hpp"
#include "apps/shrike/units.hpp"

namespace shrike::cli {
namespace {

class Quiet : public Listener {
 public:
  explicit Quiet(bool quiet) : progress(quiet) {}
  void frame(double seconds, const SeeResult&) override { progress.show("watching " + clock_text(seconds)); }
  void event(double seconds, const std::string& text) override {
    progress.clear();
    if (live)
      lost = text.substr(0, text.find("; trying again"));
    else
      std::fprintf(stderr, "shrike: %s  %s\n", clock_text(seconds).c_str(), printable(text).c_str());
  }
  Progress progress;
  bool live = false;  // who asks once does not wait for a camera to come back:
  std::string lost;   // why it went
};

// Shows a file to its end, of a live source one frame. Gives the exit code: kOk to go on.
int show(Stream& stream, const std::string& source, Quiet& listener) {
  listener.live = is_live(source_kind(source));
  for (;;) {
    switch (stream.next(listener)) {
      case Stream::Next::frame:
        stream.see(listener);
        if (listener.live) return kOk;
        break;
      case Stream::Next::waiting:
        if (!listener.lost.empty()) return fail(kUnavailable, listener.lost);
        break;
      case Stream::Next::ended:
        return kOk;
      case Stream::Next::interrupted:
        listener.progress.clear();
        return stop_code();
      case Stream::Next::failed:
        listener.progress.clear();
        return fail(listener.live ? kUnavailable : kBadData, stream.failure());
    }
  }
}

}  // namespace

Run add_ask(CLI::App& app) {
  struct Arguments {
    ModelArguments model;
    SourceArguments source;
    std::vector<std::string> images;
    std::string question;
    bool json = false, quiet = false;
  };
  auto a = std::make_shared<Arguments>();
  app.footer(
      "Examples:\n  shrike ask -i door.jpg \"What is in view now?\"\n  shrike ask -s clip.mp4 \"What was the "
      "first thing you saw?\"");
  app.add_option("question", a->question, "The question")->required();
  app.add_option("-i,--image", a->images, "A picture; several are frames one after the other")
      ->allow_extra_args(false);
  add_source_options(app, a->source);
  app.add_flag("--json", a->json, "One object on stdout");
  app.add_flag("-q,--quiet", a->quiet, "No progress");
  add_model_options(app, a->model);
  return [a] {
    if (a->images.empty() == a->source.source.empty())
      return fail(kUsage,
                  "give pictures (--image) or a clip (--source), one of them (see shrike ask --help)");
    if (a->question.empty()) return fail(kUsage, "the question is empty (see shrike ask --help)");
    a->model.standing_question = a->question;
    a->model.pictures = !a->images.empty();
    catch_signals();
    if (a->images.empty()) a->images.push_back(a->source.source);
    std::unique_ptr<Stream> stream;
    Quiet listener(a->quiet || a->json);
    for (const std::string& image : a->images) {
      a->source.source = image;
      const Result<SourceOptions> source = source_options(a->source);
      if (!source) return fail(source.error());
      if (stream == nullptr) {
        Result<std::unique_ptr<Stream>> opened = Stream::open(a->model, *source);
        if (!opened) return fail(opened.error());
        stream = std::move(opened).value();
      } else if (const Status next = stream->continue_with(*source); !next) {
        return fail(next.error());
      }
      if (const int code = show(*stream, image, listener); code != kOk) return code;
    }
    listener.progress.clear();
    std::string text;
    const AskResult result = stream->ask(a->question, text);
    if (result.status == Ask::too_long)
      return fail(kUsage, "the question has more tokens than --question-tokens allows (" +
                              std::to_string(a->model.question_tokens) + ")");
    if (a->json)
      print_json({{"question", a->question},
                  {"answer", text},
                  {"frames", stream->session().stats().n_frames_seen},
                  {"finish", result.status == Ask::cut ? "length" : "stop"}});
    else
      std::printf("%s\n", printable(text).c_str());
    return static_cast<int>(kOk);
  };
}

}  // namespace shrike::cli
