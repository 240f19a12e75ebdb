#include "apps/shrike/errors.hpp"
#include "apps/shrike/options.hpp"
#include "apps/shrike/print.hpp"
#include "apps/shrike/stream.hpp"

namespace shrike::cli {

Run add_plan(CLI::App& app) {
  struct Arguments {
    ModelArguments model;
    std::string frame_size = "1920x1080";
    bool json = false;
  };
  auto a = std::make_shared<Arguments>();
  app.footer(
      "Example:\n  shrike plan --kv-budget 2MiB\n\nExit code 78 when the plan does not fit its budget or "
      "cap.");
  add_model_options(app, a->model);
  app.add_option("--frame-size", a->frame_size, "Largest frame that a camera may send")
      ->capture_default_str();
  app.add_flag("--json", a->json, "One object on stdout");
  return [a] {
    SourceArguments source;
    source.source = "0";
    source.frame_size = a->frame_size;
    const Result<SourceOptions> from = source_options(source);
    if (!from) return fail(from.error());
    Result<SessionOptions> options = session_options(a->model);
    if (!options) return fail(options.error());
    if (const Result<Filter> filter = filter_option(a->model); !filter) return fail(filter.error());
    const Result<ImageShape> image = image_shape(*options);
    if (!image) return fail(image.error());
    options->guests = stream_guests(*from, *image, *filter_option(a->model));
    const Result<Plan> plan = Session::plan(*options);
    if (!plan) return fail(plan.error());
    if (a->json)
      print_json(plan_json(*plan));
    else
      print_plan(stdout, *plan);
    if (plan->fits()) return static_cast<int>(kOk);
    return fail(plan_error(*plan));
  };
}

}  // namespace shrike::cli
