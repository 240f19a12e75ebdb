// shrike: a camera goes in, answers come out. Only dispatch: every verb has a file of its own.
#include <fcntl.h>

#include <csignal>
#include <cstdio>
#include <cstring>
#include <exception>
#include <string>
#include <vector>

#include "apps/shrike/errors.hpp"
#include "apps/shrike/options.hpp"
#include "apps/shrike/signals.hpp"
#include "apps/shrike/stream.hpp"

namespace shrike::cli {
namespace {

constexpr const char* kOverview =
    R"(Shrike watches a camera with a small multimodal LLM, in memory that is fixed before the first frame.

  shrike demo                                          the shipped clip, model and questions
  shrike watch -s clip.mp4 --ask "What is in view now?"
  shrike watch -s /dev/video0 --ask "Is anyone at the door?" --every 5s --kv-budget 4MiB
  shrike ask -s clip.mp4 "What was the first thing you saw?"
  shrike eval --policies all --budgets 50,28,10,5      accuracy against KV memory, policy by policy
  shrike bench                                         how fast, next to what this machine could do at best
  shrike plan -m model.gguf --mmproj mmproj.gguf       the memory table, before anything is loaded
  shrike info model.gguf                               what a model file holds
)";
constexpr const char* kFooter = R"(
Every option has a twin in the environment: --kv-budget is SHRIKE_ARG_KV_BUDGET. SHRIKE_ISA=scalar|avx2|avx512|neon
chooses the kernels. Answers and data go to stdout, everything else to stderr.

Exit codes are those of sysexits.h: 64 wrong usage, 65 bad model or data, 66 no such input, 69 camera unavailable,
71 no memory, 74 read or write error, 77 not permitted, 78 the plan does not fit, or the processor is too old
for this build; 130 after Ctrl-C, 143 after SIGTERM.)";

struct Verb {
  CLI::App* app;
  Run run;
};

// CLI11 knows no options of two letters behind one dash; the field writes -mm.
std::vector<std::string> arguments_of(int argc, char** argv) {
  std::vector<std::string> arguments;
  for (int i = argc - 1; i >= 1; --i)
    arguments.push_back(std::strcmp(argv[i], "-mm") == 0 ? "--mmproj" : argv[i]);
  return arguments;
}

// What CLI11 found wrong, on one line, with what was expected and where to read on.
std::string usage_text(const CLI::ParseError& error, const std::vector<Verb>& verbs) {
  std::string text = error.what();
  if (dynamic_cast<const CLI::ConversionError*>(&error) != nullptr)
    text += "; a number is expected, or on or off for a switch";
  std::string names, verb;
  for (const Verb& v : verbs) {
    names += (names.empty() ? "" : ", ") + v.app->get_name();
    if (v.app->parsed()) verb = " " + v.app->get_name();
  }
  if (verb.empty()) text += "; there are " + names;
  return text + " (see shrike" + verb + " --help)";
}

// A closed standard descriptor would be the next file to be opened, and get our output.
void open_standard_descriptors() {
  for (int fd = 0; fd <= 2; ++fd)
    if (fcntl(fd, F_GETFD) < 0) static_cast<void>(open("/dev/null", O_RDONLY));
}

int run(int argc, char** argv) {
  CLI::App app(kOverview, "shrike");
  app.footer(kFooter);
  app.set_version_flag("--version", "shrike " SHRIKE_VERSION);
  app.require_subcommand(0, 1);
  const struct {
    const char* name;
    const char* what;
    Run (*add)(CLI::App&);
  } rows[] = {
      {"demo", "Watch the shipped clip and answer the shipped questions", add_demo},
      {"watch", "Watch a camera or a file and answer standing questions", add_watch},
      {"ask", "One question about pictures or a clip", add_ask},
      {"eval", "Answers' accuracy for KV policies and budgets, on streams made for it", add_eval},
      {"calibrate", "Measure which heads of a model look back, so that these keep more", add_calibrate},
      {"bench", "How fast a model runs here, next to what the machine can do", add_bench},
      {"plan", "The memory table", add_plan},
      {"info", "What a model file holds", add_info},
      {"trace", "Tokens, embeddings and logits as .npy, to compare with another runtime", add_trace}};
  std::vector<Verb> verbs;
  for (const auto& row : rows) {
    CLI::App* verb = app.add_subcommand(row.name, row.what);
    verbs.push_back({verb, row.add(*verb)});
    add_environment_twins(*verb);
  }
  try {
    app.parse(arguments_of(argc, argv));
  } catch (const CLI::Success& success) {  // --help, --version
    return app.exit(success) == 0 ? kOk : kUsage;
  } catch (const CLI::ParseError& error) {
    return fail(kUsage, usage_text(error, verbs));
  }
  for (const Verb& verb : verbs)
    if (verb.app->parsed()) return verb.run();
  std::fputs(app.help().c_str(), stdout);
  return kOk;
}

}  // namespace
}  // namespace shrike::cli

int main(int argc, char** argv) {
  shrike::cli::note_start();
  shrike::cli::open_standard_descriptors();
  std::signal(SIGPIPE, SIG_DFL);  // whoever had it ignored: without a reader there is nothing more to do
  try {
    const int code = shrike::cli::run(argc, argv);
    if (code != shrike::cli::kOk || (std::fflush(stdout) == 0 && !std::ferror(stdout))) return code;
    return shrike::cli::fail(shrike::cli::kIo, "standard output cannot be written");
  } catch (const std::exception& error) {
    return shrike::cli::fail(shrike::cli::kBug, std::string("bug: ") + error.what());
  }
}
