#include "apps/shrike/bench_frame.hpp"

#include <algorithm>
#include <cstdint>

#include "camera/preprocess.hpp"
#include "platform/clock.hpp"

namespace shrike::cli {
namespace {

constexpr int kWidth = 640, kHeight = 480;
constexpr int kAnswer = 8;  // tokens

// Adds the milliseconds since the last call to a part.
class Stopwatch {
 public:
  explicit Stopwatch(std::vector<std::vector<double>>& parts) : parts_(parts) {}
  void lap(std::size_t part) {
    const std::int64_t now = monotonic_ns();
    parts_[part].push_back(static_cast<double>(now - last_) * 1e-6);
    last_ = now;
  }

 private:
  std::vector<std::vector<double>>& parts_;
  std::int64_t last_ = monotonic_ns();
};

double middle(std::vector<double> values) {
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

}  // namespace

Result<BenchFrame> measure_frames(const SessionOptions& options, int n_frames) {
  constexpr const char* kParts[] = {"preprocess", "encode", "make room", "prefill", "answer, a token"};
  SHRIKE_TRY(const std::unique_ptr<Runtime> r, Runtime::open(options));
  const ImageInput image = r->image_input();
  const Preprocessor::Whole whole{image.shortest, image.longest};
  std::vector<std::byte> scratch(
      Preprocessor::bytes_needed(kWidth, kHeight, image.side, image.filter, 1, whole) + Arena::kAlignment);
  const std::size_t rest = reinterpret_cast<std::uintptr_t>(scratch.data()) % Arena::kAlignment;
  Preprocessor preprocess(r->kernels(), scratch.data() + (Arena::kAlignment - rest) % Arena::kAlignment,
                          kWidth, kHeight, image.side, image.filter, 1, whole);
  std::vector<std::uint8_t> pixels(static_cast<std::size_t>(3 * kWidth * kHeight));
  BenchFrame out;
  out.policy = options.kv_policy;
  out.n_threads = options.n_threads;
  out.n_frames = n_frames;
  std::vector<std::vector<double>> parts(std::size(kParts));
  const auto opening = static_cast<std::size_t>(r->prompt().opening(r->prompt_buffer()));
  r->run(r->prompt_buffer().first(opening), nullptr, false, Shown::stream);
  // The memory is full before anything is counted.
  const int n_before = r->plan().stream_frames_max + 1;
  for (int number = 0; number < n_before + n_frames; ++number) {
    for (std::size_t i = 0; i < pixels.size(); ++i)
      pixels[i] = static_cast<std::uint8_t>(i * 7 + static_cast<std::size_t>(number) * 13);
    if (number == n_before)
      for (std::vector<double>& part : parts) part.clear();
    Stopwatch watch(parts);
    if (!preprocess({pixels.data(), kWidth, kHeight, 3 * kWidth, 0, 0}, image))
      return Error{Code::usage, "a frame that was planned for was refused", "bench"};
    watch.lap(0);
    const float* rows = r->encode_image();
    watch.lap(1);
    out.tokens = r->prompt().frame(number, number, r->prompt_buffer());
    if (r->memory().make_room(out.tokens, r->policy()) == kv::Room::full) break;
    watch.lap(2);
    r->run(r->prompt_buffer().first(static_cast<std::size_t>(out.tokens)), rows, false, Shown::stream);
    watch.lap(3);
    if (number < n_before) continue;
    r->mark();
    PromptToken token{1, {}};
    for (int i = 0; i < kAnswer; ++i) {
      r->run({&token, 1}, nullptr, true);
      token.token = 1 + (r->logits()[0] > 0);
      watch.lap(4);
    }
    r->roll_back();
  }
  for (std::size_t i = 0; i < parts.size(); ++i) out.parts.push_back({kParts[i], middle(parts[i])});
  return out;
}

}  // namespace shrike::cli
