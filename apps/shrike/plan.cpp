#include "apps/shrike/errors.hpp"
#include "apps/shrike/options.hpp"
#include "apps/shrike/print.hpp"
#include "apps/shrike/stream.hpp"

namespace shrike::cli {
namespace {

// What a service holds beside its plan: program, libraries and heap of the runtime; OpenCV, FFmpeg and the decoded
// pictures of the capture process, which belongs to the same service.
constexpr std::size_t kProgramBytes = std::size_t{24} << 20;
constexpr std::size_t kCaptureBytes = std::size_t{256} << 20;

// A drop-in for shrike@.service. Weights count as well: pages that are mapped are charged to who reads them first.
void print_service(const Plan& plan) {
  std::printf("[Service]\nMemoryMax=%zu\nMemorySwapMax=0\n",
              plan.total_bytes() + plan.mapped_bytes() + kProgramBytes + kCaptureBytes);
}

}  // namespace

Run add_plan(CLI::App& app) {
  struct Arguments {
    ModelArguments model;
    std::string frame_size = "1920x1080";
    bool json = false, systemd = false;
  };
  auto a = std::make_shared<Arguments>();
  app.footer(
      "Examples:\n  shrike plan --kv-budget 2MiB\n  shrike plan --systemd\n\nExit code 78 when the plan does "
      "not fit its budget or "
      "cap.");
  add_model_options(app, a->model);
  app.add_option("--frame-size", a->frame_size, "Largest frame that a camera may send")
      ->capture_default_str();
  CLI::Option* json = app.add_flag("--json", a->json, "One object on stdout");
  app.add_flag("--systemd", a->systemd, "As a memory limit for a service, a file for shrike@NAME.service.d")
      ->excludes(json);
  return [a] {
    SourceArguments source;
    source.source = "0";
    source.frame_size = a->frame_size;
    const Result<SourceOptions> from = source_options(source);
    if (!from) return fail(from.error());
    Result<SessionOptions> options = session_options(a->model);
    if (!options) return fail(options.error());
    const Result<ImageShape> image = image_shape(*options, a->model);
    if (!image) return fail(image.error());
    options->guests = stream_guests(*from, *image);
    const Result<Plan> plan = Session::plan(*options);
    if (!plan) return fail(plan.error());
    if (a->systemd && plan->fits())
      print_service(*plan);
    else if (a->json)
      print_json(plan_json(*plan));
    else
      print_plan(stdout, *plan);
    if (plan->fits()) return static_cast<int>(kOk);
    return fail(plan_error(*plan));
  };
}

}  // namespace shrike::cli
