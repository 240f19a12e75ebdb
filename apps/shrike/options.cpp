#include "apps/shrike/options.hpp"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <limits>
#include <string_view>

#include "apps/shrike/units.hpp"
#include "core/limits.hpp"

namespace shrike::cli {
namespace {

Error bad(const char* rule, const std::string& option, const std::string& value) {
  return {Code::usage, rule, option + " " + value};
}

// Nothing for what is no size, or for more than this machine can address.
std::optional<std::size_t> memory_size(const std::string& text) {
  const std::optional<std::int64_t> bytes = parse_bytes(text);
  if (!bytes || *bytes > PTRDIFF_MAX) return std::nullopt;
  return static_cast<std::size_t>(*bytes);
}

}  // namespace

void add_file_options(CLI::App& app, ModelArguments& a) {
  app.add_option("-m,--model", a.model, "Text model, a GGUF file (default: the shipped perch)");
  app.add_option("--mmproj", a.mmproj, "Vision file of the model, a GGUF file; also -mm");
  app.add_option("-t,--threads", a.threads, "Threads (default: one per processor)");
}

void add_model_options(CLI::App& app, ModelArguments& a) {
  add_file_options(app, a);
  add_kv_options(app, a);
  app.add_option("-n,--predict", a.predict, "Tokens that an answer may have")->capture_default_str();
  app.add_option("--question-tokens", a.question_tokens, "Tokens that a question may have")
      ->capture_default_str();
  add_picture_options(app, a);
}

void add_picture_options(CLI::App& app, ModelArguments& a) {
  app.add_option("--filter", a.filter,
                 "How pictures are resized: bilinear, bicubic, lanczos (default: as the model was taught)");
  app.add_option(
      "--chat-format", a.chat_format,
      "The words around pictures and questions, smolvlm2, chatml ... (default: as the files show)");
  app.add_option("--image-max-tokens", a.image_tokens_max,
                 "Most image tokens of a picture (default: one tile or 256 for a frame, all or 1024 for a "
                 "picture)")
      ->check(CLI::Range(1, 1 << 24));
}

void add_kv_options(CLI::App& app, ModelArguments& a) {
  app.add_option("--kv-budget", a.kv_budget,
                 "All KV memory there will ever be, 4MiB (default: 4MiB, or what a frame needs)");
  app.add_option("--kv-policy", a.kv_policy,
                 "What stays when it is full: novel, recent, meda ... or parts by hand; \"?\" lists")
      ->capture_default_str();
  add_heads_option(app, a);
  app.add_option("-c,--ctx-size", a.context, "Positions in use (default: as the model was trained)");
  app.add_option("--memory", a.memory, "Cap for the whole plan, 64MiB; a plan above it is refused");
  app.add_flag("--mlock", a.mlock, "Keep weights and arena from being swapped or dropped");
}

void add_heads_option(CLI::App& app, ModelArguments& a) {
  app.add_option(
      "--kv-heads", a.kv_heads,
      "Head profile from shrike calibrate, or none (default: MODEL.heads beside the model, if there)");
}

void add_source_options(CLI::App& app, SourceArguments& a) {
  app.add_option(
      "-s,--source", a.source,
      "Video file, folder of pictures, 0 or /dev/video0, rtsp://..., gst:PIPELINE, synthetic:seed=7");
  app.add_option("--video-fps", a.video_fps, "Frames to see a second (default: as the model was trained)");
  app.add_flag("--realtime", a.realtime, "Files: at their own pace, dropping what comes too fast");
  app.add_flag("--loop", a.loop, "Files: start again at the end");
  app.add_option("--frame-size", a.frame_size,
                 "Largest frame; larger ones are scaled down before they arrive")
      ->capture_default_str();
  app.add_option("--stall", a.stall, "Without a frame for so long, the capture is restarted")
      ->capture_default_str();
}

void add_environment_twins(CLI::App& app) {
  for (CLI::Option* option : app.get_options()) {
    if (option->get_lnames().empty()) continue;
    std::string name = "SHRIKE_ARG_" + option->get_lnames().front();
    for (char& c : name) c = c == '-' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
    if (option->get_lnames().front() == "help") continue;
    option->envname(name);
    // CLI11 reads 1, on, true and yes by itself; the field writes enabled as well.
    const char* value = option->get_items_expected_max() == 0 ? std::getenv(name.c_str()) : nullptr;
    if (value != nullptr && std::string_view(value) == "enabled") setenv(name.c_str(), "1", 1);
    if (value != nullptr && std::string_view(value) == "disabled") setenv(name.c_str(), "0", 1);
  }
}

std::string models_folder() {
  namespace fs = std::filesystem;
  if (const char* folder = std::getenv("SHRIKE_MODELS"); folder != nullptr && *folder != '\0') return folder;
  std::error_code error;
  const fs::path program = fs::read_symlink("/proc/self/exe", error);
  const fs::path installed = program.parent_path() / ".." / "share" / "shrike" / "models";
  if (!error && fs::exists(installed, error)) return fs::weakly_canonical(installed, error).string();
  return SHRIKE_MODELS_DIR;  // of a program that is not installed
}

Result<SessionOptions> session_options(const ModelArguments& a) {
  SessionOptions o;
  o.model_path = a.model;
  o.mmproj_path = a.mmproj;
  if (a.model.empty() && a.mmproj.empty()) {
    o.model_path = models_folder() + "/perch/perch-f16.gguf";
    o.mmproj_path = models_folder() + "/perch/mmproj-perch-f16.gguf";
  } else if (a.model.empty()) {
    return Error{Code::usage, "needs its text model beside it (--model)", "--mmproj"};
  }
  if (!a.kv_budget.empty()) {
    const std::optional<std::size_t> bytes = memory_size(a.kv_budget);
    if (!bytes) return bad("is no size; write 4MiB, 512K or 1.5G", "--kv-budget", a.kv_budget);
    o.kv_budget_bytes = *bytes;
  }
  if (!a.memory.empty()) {
    const std::optional<std::size_t> bytes = memory_size(a.memory);
    if (!bytes) return bad("is no size; write 64MiB, 512K or 1.5G", "--memory", a.memory);
    o.memory_max_bytes = *bytes;
  }
  o.kv_policy = a.kv_policy;
  o.head_profile = a.kv_heads;
  o.rehearses = a.rehearses;
  o.standing_question = a.standing_question;
  o.n_threads = a.threads;
  o.context_max = a.context;
  o.answer_tokens_max = a.predict;
  o.question_tokens_max = a.question_tokens;
  o.mlock = a.mlock;
  o.chat_format = a.chat_format;
  o.pictures = a.pictures;
  o.image_tokens_max = a.image_tokens_max > 0 ? a.image_tokens_max
                       : a.pictures           ? std::numeric_limits<int>::max()
                                              : 0;
  return o;
}

Result<SourceOptions> source_options(const SourceArguments& a) {
  SourceOptions o;
  o.argument = a.source;
  if (a.source.empty())
    return Error{Code::usage, "is needed: a video file, a folder, a camera or a URL", "--source"};
  if (!(a.video_fps >= 0 && a.video_fps <= 1000))
    return Error{Code::usage, "must be above 0 and at most 1000", "--video-fps"};
  o.fps = a.video_fps;
  o.realtime = a.realtime;
  o.loop = a.loop;
  const std::optional<Extent> extent = parse_extent(a.frame_size);
  if (!extent || extent->width > limits::kFrameSideMax || extent->height > limits::kFrameSideMax)
    return bad("is no frame size; write 1920x1080, at most 8192x8192", "--frame-size", a.frame_size);
  o.width_max = extent->width;
  o.height_max = extent->height;
  const std::optional<double> stall = parse_seconds(a.stall);
  if (!stall || *stall < 0.1) return bad("is no time of 100ms or more; write 20s", "--stall", a.stall);
  o.stall_ns = static_cast<std::int64_t>(*stall * 1e9);
  o.open_timeout_ns = std::max(o.open_timeout_ns, o.stall_ns);
  return o;
}

Result<Filter> filter_option(const ModelArguments& a, Filter trained) {
  if (a.filter.empty()) return trained;
  if (a.filter == "bilinear") return Filter::bilinear;
  if (a.filter == "bicubic") return Filter::bicubic;
  if (a.filter == "lanczos") return Filter::lanczos;
  return bad("is no filter; there are bilinear, bicubic and lanczos", "--filter", a.filter);
}

}  // namespace shrike::cli
