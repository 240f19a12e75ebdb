#include "apps/shrike/errors.hpp"
#include "apps/shrike/eval_answers.hpp"
#include "apps/shrike/eval_files.hpp"
#include "apps/shrike/eval_setup.hpp"
#include "apps/shrike/eval_table.hpp"
#include "apps/shrike/meter.hpp"
#include "apps/shrike/options.hpp"
#include "apps/shrike/print.hpp"
#include "apps/shrike/signals.hpp"

namespace shrike::cli {
namespace {

constexpr const char* kFooter = R"(
Streams are drawn from their seeds; questions are asked when a stream is over. The policy `full`, without a
budget, is always measured too, and the others are compared with it. A budget in percent is of what `full` keeps
of the same stream, and caps what is kept of it when room is made, facts and all, in the bytes of the policy's
codec; room for a frame, for a question and its answer, and what rounding to blocks takes is told beside it. A
budget in bytes counts everything. Times are those of streams side by side; -t 1 for undisturbed ones.

`oracle` is no policy but what one could reach: it knows the questions of a stream before its first frame, and
keeps the whole frames that they are about.

Examples:
  shrike eval --streams 10                                     all policies, a quick look
  shrike eval --policies recent --budgets 50,28,10 -o result   tables, and files with pictures in result/
  shrike eval --policies "recent; score=recency, select=top" --budgets 28,512KiB)";

int run(const EvalArguments& a) {
  catch_signals();
  if (!a.out.empty())
    if (const Status made = make_folder(a.out); !made) return fail(made.error());
  const Result<EvalOptions> options = eval_options(a);
  if (!options) return fail(options.error());
  Meter meter(a.quiet);
  const Result<EvalOutcome> outcome = run_evaluation(*options, [&](double share) { meter.tell(share); });
  meter.clear();
  if (!outcome) return fail(outcome.error());
  const EvalReport report = make_report(*options, *outcome);
  if (a.json)
    for (const EvalCell& cell : report.cells) print_json(cell_json(cell, report));
  else
    print_report(stdout, report);
  if (!a.out.empty())
    if (const Status written = write_report(report, answers_csv(*options, *outcome), a.out); !written)
      return fail(written.error());
  return report.interrupted ? stop_code() : kOk;
}

}  // namespace

Run add_eval(CLI::App& app) {
  auto a = std::make_shared<EvalArguments>();
  app.footer(kFooter);
  app.add_option("--policies", a->policies,
                 "all, or names: recent,oracle; behind a semicolon a composition by hand")
      ->capture_default_str();
  app.add_option("--budgets", a->budgets,
                 "Percent of the KV that a whole stream takes, or sizes: 50,10,512KiB")
      ->capture_default_str();
  app.add_option("--mode", a->mode, "requests: each question alone; turns: they stay in the memory; both")
      ->capture_default_str();
  app.add_option("--streams", a->n_streams, "Streams")->capture_default_str();
  app.add_option("--frames", a->n_frames,
                 "Frames of a stream (default: 64, or as many as the model has positions for)");
  app.add_option("--questions", a->n_questions, "Questions a stream, at most")->capture_default_str();
  app.add_option("--seed", a->seed, "Of the first stream; the others have the next ones")
      ->capture_default_str();
  app.add_option("-o,--out", a->out,
                 "Folder for eval.csv, eval.json, answers.csv and pictures; made if it is not there");
  app.add_flag("--json", a->json, "One object per policy, budget and mode on stdout, one per line");
  app.add_flag("-q,--quiet", a->quiet, "No progress");
  add_file_options(app, a->model);
  add_heads_option(app, a->model);
  return [a] { return run(*a); };
}

}  // namespace shrike::cli
