// shrike: a camera goes in, answers come out. Only dispatch: every verb has a file of its own.
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
  shrike plan -m model.gguf --mmproj mmproj.gguf       the memory table, before anything is loaded
  shrike info model.gguf                               what a model file holds
)";
constexpr const char* kFooter = R"(
Every option has a twin in the environment: --kv-budget is SHRIKE_ARG_KV_BUDGET. SHRIKE_ISA=scalar|avx2|neon chooses the
kernels. Answers and data go to stdout, everything else to stderr. Exit codes are those of sysexits.h.)";

// CLI11 knows no options of two letters behind one dash; the field writes -mm.
std::vector<std::string> arguments_of(int argc, char** argv) {
  std::vector<std::string> arguments;
  for (int i = argc - 1; i >= 1; --i)
    arguments.push_back(std::strcmp(argv[i], "-mm") == 0 ? "--mmproj" : argv[i]);
  return arguments;
}

int run(int argc, char** argv) {
  CLI::App app(kOverview);
  app.footer(kFooter);
  app.set_version_flag("--version", "shrike " SHRIKE_VERSION);
  app.require_subcommand(0, 1);
  struct Verb {
    CLI::App* app;
    Run run;
  };
  const struct {
    const char* name;
    const char* what;
    Run (*add)(CLI::App&);
  } rows[] = {{"demo", "Watch the shipped clip and answer the shipped questions", add_demo},
              {"watch", "Watch a camera or a file and answer standing questions", add_watch},
              {"ask", "One question about pictures or a clip", add_ask},
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
    std::string text = error.what();
    for (char& c : text) c = c == '\n' ? ' ' : c;
    std::string hint = "shrike";
    for (const Verb& verb : verbs)
      if (verb.app->parsed()) hint += " " + verb.app->get_name();
    return fail(kUsage, printable(text) + " (see " + hint + " --help)");
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
  try {
    return shrike::cli::run(argc, argv);
  } catch (const std::exception& error) {
    return shrike::cli::fail(shrike::cli::kBug, std::string("bug: ") + error.what());
  }
}
