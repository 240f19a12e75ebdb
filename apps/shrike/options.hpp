#pragma once

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <optional>
#include <string>
#include <vector>

#include "camera/preprocess.hpp"
#include "camera/source.hpp"
#include "core/session.hpp"

namespace shrike::cli {

// What several verbs share. Each option has a twin in the environment: --kv-budget is SHRIKE_ARG_KV_BUDGET.
struct ModelArguments {
  std::string model, mmproj;  // empty: the shipped pair
  std::string kv_budget, memory;
  std::string kv_policy = "novel";
  std::string kv_heads;           // empty: the profile beside the model, if there is one
  std::string standing_question;  // set by the verb, not an option
  int threads = 0, context = 0, predict = 64, question_tokens = 128;
  bool mlock = false;
  std::string chat_format;   // empty: as the files show
  int image_tokens_max = 0;  // of one picture; 0: one tile for a frame of a stream, all tiles for a picture
  bool pictures = false;     // set by the verb: pictures, no stream
  bool rehearses = false;    // set by the verb, see SessionOptions
  std::string filter;        // empty: as the model was trained
};
struct SourceArguments {
  std::string source;
  double video_fps = 0;  // 0: as the model was trained
  bool realtime = false, loop = false;
  std::string frame_size = "1920x1080";
  std::string stall = "20s";
};

void add_file_options(CLI::App& app, ModelArguments& arguments);  // the model's files, and threads
void add_model_options(CLI::App& app, ModelArguments& arguments);
void add_kv_options(CLI::App& app, ModelArguments& arguments);
void add_heads_option(CLI::App& app, ModelArguments& arguments);
void add_picture_options(CLI::App& app, ModelArguments& arguments);  // how pictures are shown to the model
void add_source_options(CLI::App& app, SourceArguments& arguments);
// Gives every long option of the verb its twin in the environment.
void add_environment_twins(CLI::App& app);

[[nodiscard]] Result<SessionOptions> session_options(const ModelArguments& arguments);
[[nodiscard]] Result<SourceOptions> source_options(const SourceArguments& arguments);
[[nodiscard]] Result<Filter> filter_option(const ModelArguments& arguments, Filter trained);

// The folder of the shipped model: $SHRIKE_MODELS, the installed share/shrike/models, or the source tree's
// models.
[[nodiscard]] std::string models_folder();

// The verbs. Each adds its options to `app` and returns what runs it.
using Run = std::function<int()>;
Run add_demo(CLI::App& app);
Run add_watch(CLI::App& app);
Run add_ask(CLI::App& app);
Run add_eval(CLI::App& app);
Run add_calibrate(CLI::App& app);
Run add_bench(CLI::App& app);
Run add_plan(CLI::App& app);
Run add_info(CLI::App& app);
Run add_trace(CLI::App& app);

}  // namespace shrike::cli
