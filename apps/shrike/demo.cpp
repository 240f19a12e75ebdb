#include <algorithm>
#include <filesystem>
#include <fstream>
#include <type_traits>

#include "apps/shrike/errors.hpp"
#include "apps/shrike/options.hpp"
#include "apps/shrike/print.hpp"
#include "apps/shrike/signals.hpp"
#include "apps/shrike/stream.hpp"
#include "apps/shrike/units.hpp"

namespace shrike::cli {
namespace {

struct Question {
  double at = 0;
  std::string text, expected;
  bool in_view = false;
};
struct Script {
  std::string clip;
  double video_fps = 0;
  std::vector<Question> questions;  // by time
};

// A member of that type, or `otherwise` where there is none; a member of another type spoils `ok`.
template <class T>
T member(const Json& object, const char* key, T otherwise, bool& ok) {
  const auto found = object.find(key);
  if (found == object.end()) return otherwise;
  bool right = found->is_string();
  if constexpr (std::is_same_v<T, bool>) right = found->is_boolean();
  if constexpr (std::is_same_v<T, double>) right = found->is_number();
  ok = ok && right;
  return right ? found->template get<T>() : otherwise;
}

Result<Script> read_script(const std::string& path, const char* if_missing) {
  std::ifstream in(path);
  if (!in || std::filesystem::is_directory(path)) return Error{Code::missing, if_missing, path};
  const Json json = Json::parse(in, nullptr, false);
  bool ok = json.is_object() && json.contains("questions") && json["questions"].is_array();
  Script script;
  if (ok) {
    script.clip = path.substr(0, path.find_last_of('/') + 1) + member<std::string>(json, "clip", "", ok);
    script.video_fps = member(json, "video_fps", 1.0, ok);
    for (const Json& q : json["questions"]) {
      if (!(ok = ok && q.is_object())) break;
      script.questions.push_back(
          {member(q, "at_seconds", 0.0, ok), member<std::string>(q, "question", "", ok),
           member<std::string>(q, "expected", "", ok), member(q, "in_view", false, ok)});
      ok = ok && !script.questions.back().text.empty() && !script.questions.back().expected.empty();
    }
    ok = ok && json.contains("clip") && script.video_fps > 0;
  }
  if (!ok)
    return Error{Code::malformed, "is no demo script: clip, video_fps, and questions (shrike demo --help)",
                 path};
  std::stable_sort(script.questions.begin(), script.questions.end(),
                   [](const Question& a, const Question& b) { return a.at < b.at; });
  return script;
}

class Demo : public Listener {
 public:
  Demo(Stream& stream, const Script& script, bool json)
      : stream_(stream), script_(script), json_(json), progress_(json) {}

  int run() {
    for (bool over = false; !over;) {
      switch (stream_.next(*this)) {
        case Stream::Next::waiting:
          continue;
        case Stream::Next::frame:
          break;
        case Stream::Next::ended:
          over = true;
          break;
        case Stream::Next::interrupted:
          finish();
          return stop_code();
        case Stream::Next::failed:
          progress_.clear();
          return fail(kBadData, stream_.failure());
      }
      const double ahead = over ? 1e18 : stream_.seconds_ahead();
      while (next_ < script_.questions.size() && script_.questions[next_].at < ahead)
        ask(script_.questions[next_++]);
      if (!over) stream_.see(*this);
    }
    return finish();
  }

  void frame(double seconds, const SeeResult&) override { progress_.show("watching " + clock_text(seconds)); }
  void event(double seconds, const std::string& text) override {
    progress_.clear();
    std::fprintf(stderr, "shrike: %s  %s\n", clock_text(seconds).c_str(), printable(text).c_str());
  }

 private:
  void ask(const Question& q) {
    stream_.ask(q.text, text_);
    const bool correct = text_ == q.expected;
    ++n_asked_;
    n_right_ += correct ? 1 : 0;
    n_gone_ += q.in_view ? 0 : 1;
    n_gone_right_ += correct && !q.in_view ? 1 : 0;
    progress_.clear();
    if (json_) {
      print_json({{"at", q.at},
                  {"question", q.text},
                  {"answer", text_},
                  {"expected", q.expected},
                  {"correct", correct},
                  {"in_view", q.in_view}});
      return;
    }
    const Ink ink(stdout);
    std::printf(
        "  %s  %s%s%s %-42s %-18s %s%s%s\n", clock_text(q.at).c_str(), correct ? ink.good : ink.bad,
        correct ? "\xE2\x9C\x93" : "\xE2\x9C\x97", ink.off, q.text.c_str(), printable(text_).c_str(), ink.dim,
        correct ? (q.in_view ? "in view" : "out of view") : ("expected " + q.expected).c_str(), ink.off);
    std::fflush(stdout);
  }

  int finish() {
    progress_.clear();
    const Summary summary = stream_.summary();
    if (json_) {
      Json object = summary_json(summary, stream_.session().plan());
      object["right"] = n_right_;
      object["asked"] = n_asked_;
      object["right_out_of_view"] = n_gone_right_;
      object["asked_out_of_view"] = n_gone_;
      print_json({{"summary", object}});
    } else {
      const Ink ink(stdout);
      std::printf("\n%s%d of %d answers right%s, %d of %d about what was no longer in view\n", ink.bold,
                  n_right_, n_asked_, ink.off, n_gone_right_, n_gone_);
      print_summary(stdout, summary, stream_.session().plan());
    }
    return n_right_ * 10 >= n_asked_ * 8 ? kOk : kWrong;
  }

  Stream& stream_;
  const Script& script_;
  bool json_;
  Progress progress_;
  std::string text_;
  std::size_t next_ = 0;
  int n_asked_ = 0, n_right_ = 0, n_gone_ = 0, n_gone_right_ = 0;
};

}  // namespace

Run add_demo(CLI::App& app) {
  struct Arguments {
    ModelArguments model;
    bool json = false, realtime = false;
    std::string script;
  };
  auto a = std::make_shared<Arguments>();
  app.footer(
      "Examples:\n  shrike demo --realtime\n  shrike demo --script mine.json\n\nA script names a clip beside "
      "it, the "
      "frames a second to watch, and questions:\n"
      "  {\"clip\": \"yard.mp4\", \"video_fps\": 1, \"questions\": [\n"
      "    {\"at_seconds\": 17, \"question\": \"...\", \"expected\": \"...\", \"in_view\": false}]}\n\nExit "
      "code 0 when at least 8 of 10 answers are right, else 1.");
  app.add_flag("--json", a->json, "One object per line on stdout");
  app.add_flag("--realtime", a->realtime, "At the clip's own pace instead of as fast as it goes");
  app.add_option("--script", a->script, "A clip with its questions, a JSON file (default: the shipped one)");
  add_model_options(app, a->model);
  return [a] {
    const Result<Script> script =
        a->script.empty() ? read_script(models_folder() + "/perch/demo.json",
                                        "no such file; is the model folder complete (SHRIKE_MODELS)?")
                          : read_script(a->script, "no such file");
    if (!script) return fail(script.error());
    SourceArguments arguments;
    arguments.source = script->clip;
    arguments.video_fps = script->video_fps;
    arguments.realtime = a->realtime;
    const Result<SourceOptions> source = source_options(arguments);
    if (!source) return fail(source.error());
    catch_signals();
    Result<std::unique_ptr<Stream>> stream = Stream::open(a->model, *source);
    if (!stream) return fail(stream.error());
    if (!a->json) {
      print_plan(stdout, (*stream)->session().plan());
      std::printf("\nWatching %s, a frame every %g s\n",
                  script->clip.substr(script->clip.find_last_of('/') + 1).c_str(), 1.0 / script->video_fps);
    }
    return Demo(**stream, *script, a->json).run();
  };
}

}  // namespace shrike::cli
