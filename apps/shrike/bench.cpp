// How fast a model runs here, next to what the machine could do at best.
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "apps/shrike/bench_frame.hpp"
#include "apps/shrike/bench_kernels.hpp"
#include "apps/shrike/bench_report.hpp"
#include "apps/shrike/errors.hpp"
#include "apps/shrike/meter.hpp"
#include "apps/shrike/options.hpp"
#include "apps/shrike/png.hpp"
#include "platform/cpu.hpp"

namespace shrike::cli {
namespace {

struct Arguments {
  std::string model, mmproj, picture, kv_policy = "meda";
  std::vector<int> threads, prefills = {512, 2048}, contexts = {0, 2048, 8192};
  std::vector<std::string> isas;
  int repetitions = 5, frames = 12;
  bool json = false, no_kernels = false;
};

constexpr const char* kFooter = R"(Examples:
  shrike bench                                           the shipped model: what this board can do, in two minutes
  shrike bench -m model.gguf --mmproj mmproj.gguf --threads 1,2,4 --json > board.json
  shrike bench -m model.gguf --isa avx2,avx512 --prefill 512 --context 2048

The limits are measured just before: reading memory, multiply-adds in f32, dot products of bytes. `share` is the time
that the slowest of them would take at best over the time taken: products of quantised weights, with attention, against
int8, those of f16 and f32 weights against f32, decoding against memory: weights once, keys and values once. `own` is
processor time: where it is less than the median, others had the processors.)";

SessionOptions options_of(const Arguments& a, const std::string& isa, int n_threads) {
  ModelArguments model;
  model.model = a.model;
  model.mmproj = a.mmproj;
  SessionOptions o = *session_options(model);
  o.isa = isa;
  o.n_threads = n_threads;
  o.kv_policy = "full";
  const int most = std::max(*std::max_element(a.prefills.begin(), a.prefills.end()),
                            *std::max_element(a.contexts.begin(), a.contexts.end()));
  o.context_max = most + 512;  // and room for asking, which is kept
  return o;
}

// All stages of all models in turn, so that what disturbs one disturbs all.
Status measure_stages(const Arguments& a, Meter& meter, BenchReport& report) {
  std::vector<std::unique_ptr<BenchModel>> models;
  for (const std::string& isa : a.isas)
    for (const int n_threads : a.threads) {
      BenchModel::Wanted wanted{a.prefills, a.contexts, true};
      SHRIKE_TRY(models.emplace_back(), BenchModel::open(options_of(a, isa, n_threads), wanted));
    }
  const double total = static_cast<double>(a.repetitions) * static_cast<double>(models.size());
  double done = 0;
  for (int repetition = 0; repetition < a.repetitions; ++repetition)
    for (const auto& model : models) {
      for (BenchStage& stage : model->stages()) model->measure(stage);
      meter.tell(++done / total);
    }
  for (const auto& model : models)
    for (const BenchStage& stage : model->stages()) {
      const Runtime& r = model->runtime();
      BenchRow row{stage.name(), isa_name(r.kernels().isa), "", r.options().n_threads};
      for (const BenchLimit& limit : report.limits)
        if (limit.n_threads == row.n_threads) {
          row.bound = stage.work.bound(limit.machine);
          row.limit_seconds = stage.work.seconds(limit.machine);
        }
      row.n_tokens = stage.kind == BenchStage::Kind::encode    ? 0
                     : stage.kind == BenchStage::Kind::prefill ? stage.n
                                                               : 1;
      row.seconds = stage.seconds();
      row.seconds_min = stage.seconds_min();
      row.own_seconds = stage.own_seconds();
      report.rows.push_back(row);
    }
  std::stable_sort(report.rows.begin(), report.rows.end(),
                   [](const BenchRow& x, const BenchRow& y) { return x.stage < y.stage; });
  return ok();
}

Result<BenchReport> measure(const Arguments& a, Meter& meter) {
  BenchReport report;
  report.cpu = cpu_name();
  report.repetitions = a.repetitions;
  const SessionOptions whole = options_of(a, a.isas.front(), a.threads.back());
  report.model = std::filesystem::path(whole.model_path).filename().string();
  Threads alone(1);
  report.before = read_sensors();
  report.flop_before = measure_flop_per_s(alone);
  for (const int n_threads : a.threads) {
    Threads threads(n_threads);
    report.limits.push_back({n_threads, measure_machine(threads)});
  }
  SHRIKE_TRY_VOID(measure_stages(a, meter, report));
  if (!a.no_kernels) report.kernels = measure_kernels(report.limits.front().machine);
  SessionOptions frame = whole;
  frame.kv_policy = a.kv_policy;
  frame.context_max = 0;
  if (!frame.mmproj_path.empty() && a.frames > 0) {
    SHRIKE_TRY(report.frame, measure_frames(frame, a.frames));
  }
  SessionOptions text = whole;
  text.mmproj_path.clear();
  text.context_max = 2048;
  text.kv_budget_bytes = std::size_t{1} << 40;
  SHRIKE_TRY(const Plan plan, Runtime::plan(text));
  report.plan_bytes = plan.total_bytes();
  report.after = read_sensors();
  report.flop_after = measure_flop_per_s(alone);
  return report;
}

Status check(Arguments& a) {
  ModelArguments model;
  model.model = a.model;
  model.mmproj = a.mmproj;
  if (const Result<SessionOptions> options = session_options(model); !options) return options.error();
  if (a.threads.empty()) {
    a.threads = {1};
    if (n_cpus() > 1) a.threads.push_back(n_cpus());
  }
  if (a.isas.empty()) {
    const std::optional<Isa> best = choose_isa();
    a.isas = {best ? isa_name(*best) : ""};
  }
  const auto positive = [](const std::vector<int>& numbers, int least) {
    return std::all_of(numbers.begin(), numbers.end(), [&](int n) { return n >= least && n <= 1 << 20; });
  };
  if (!positive(a.threads, 1)) return Error{Code::usage, "are counts from 1 up", "--threads"};
  if (!positive(a.prefills, 2)) return Error{Code::usage, "are tokens from 2 up", "--prefill"};
  if (!positive(a.contexts, 0)) return Error{Code::usage, "are tokens from 0 up", "--context"};
  if (a.repetitions < 1 || a.repetitions > 1000)
    return Error{Code::usage, "must be from 1 to 1000", "--repetitions", a.repetitions, 1000};
  for (const std::string& name : a.isas)
    if (const Result<Kernels> kernels = choose_kernels(name); !kernels) return kernels.error();
  if (!a.picture.empty()) {
    const std::filesystem::path folder = std::filesystem::absolute(a.picture).parent_path();
    if (::access(folder.c_str(), W_OK) != 0) return Error{Code::io, "cannot be written", a.picture};
  }
  return ok();
}

Status write_picture(const std::string& path, const BenchReport& report) {
  const Canvas canvas = draw_bench(report);
  std::ofstream out(path, std::ios::binary);
  out << png_bytes(canvas.width(), canvas.height(), canvas.rgb());
  out.close();
  if (!out) return Error{Code::io, "cannot be written", path};
  return ok();
}

}  // namespace

Run add_bench(CLI::App& app) {
  auto a = std::make_shared<Arguments>();
  app.footer(kFooter);
  app.add_option("-m,--model", a->model, "Text model, a GGUF file (default: the shipped perch)");
  app.add_option("--mmproj", a->mmproj, "Vision file of the model, a GGUF file; also -mm");
  app.add_option("-t,--threads", a->threads, "Counts of threads, 1,2,4 (default: one, and one per processor)")
      ->delimiter(',');
  app.add_option("--prefill", a->prefills, "Tokens of a prompt, 512,2048")->delimiter(',');
  app.add_option("-c,--context", a->contexts, "Tokens that lie before the decoded ones, 0,2048,8192")
      ->delimiter(',');
  app.add_option("--isa", a->isas, "Kernel sets (default: the best, or SHRIKE_ISA)")->delimiter(',');
  app.add_option("--repetitions", a->repetitions, "Of every stage")->capture_default_str();
  app.add_option("--kv-policy", a->kv_policy, "Of the frames: what making room costs")->capture_default_str();
  app.add_option("--frames", a->frames, "That are seen by a full memory; 0: none")->capture_default_str();
  app.add_flag("--no-kernels", a->no_kernels, "No rows of single kernels");
  app.add_option("--picture", a->picture, "A PNG file to draw the shares to");
  app.add_flag("--json", a->json, "One object on stdout");
  return [a] {
    if (const Status good = check(*a); !good) return fail(good.error());
    Meter meter(a->json);
    const Result<BenchReport> report = measure(*a, meter);
    meter.clear();
    if (!report) return fail(report.error());
    if (a->json)
      print_json(bench_json(*report));
    else
      print_bench(stdout, *report);
    if (a->picture.empty()) return static_cast<int>(kOk);
    const Status written = write_picture(a->picture, *report);
    return written ? static_cast<int>(kOk) : fail(written.error());
  };
}

}  // namespace shrike::cli
