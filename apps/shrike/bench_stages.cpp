#include "apps/shrike/bench_stages.hpp"

#include <time.h>

#include <algorithm>

#include "platform/check.hpp"
#include "platform/clock.hpp"

namespace shrike::cli {
namespace {

constexpr int kDecoded = 8;  // tokens of one repetition

double process_seconds() {
  timespec now{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

double middle(std::vector<double> values) {
  if (values.empty()) return 0;
  const auto at = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), at, values.end());
  return *at;
}

// Keys and values that a model might have, without running one.
class Noise {
 public:
  void fill(std::vector<float>& row) {
    for (float& v : row) {
      state_ = state_ * 1664525u + 1013904223u;
      v = static_cast<float>(state_ >> 8) * 0x1p-23f - 1.0f;
    }
  }

 private:
  std::uint32_t state_ = 1;
};

}  // namespace

std::string BenchStage::name() const {
  if (kind == Kind::encode) return "encode one tile";
  return (kind == Kind::prefill ? "prefill " : "decode at ") + std::to_string(n);
}
double BenchStage::seconds() const { return middle(wall_s); }
double BenchStage::seconds_min() const {
  return wall_s.empty() ? 0 : *std::min_element(wall_s.begin(), wall_s.end());
}
double BenchStage::own_seconds() const { return middle(own_s); }

Result<std::unique_ptr<BenchModel>> BenchModel::open(SessionOptions options, const Wanted& wanted) {
  auto bench = std::make_unique<BenchModel>();
  options.kv_budget_bytes = std::size_t{1} << 40;  // capped by what the positions in use can fill
  SHRIKE_TRY(bench->runtime_, Runtime::open(options));
  Runtime& r = *bench->runtime_;
  const TextConfig& c = r.text_config();
  const TextWeights& w = r.model().text_weights;
  const int room = r.memory().shape().n_ctx - r.memory().shape().reserve;
  const auto add = [&](BenchStage::Kind kind, int n, const Work& work) {
    bench->stages_.push_back({kind, n, work, {}, {}});
  };
  if (wanted.encode && r.vision_config() != nullptr)
    add(BenchStage::Kind::encode, 0, encode_work(*r.vision_config(), r.model().vision_weights));
  for (const int n : wanted.prefills)
    if (n <= room) add(BenchStage::Kind::prefill, n, prefill_work(c, w, n));
  for (const int n : wanted.contexts)
    if (n + kDecoded <= room)
      add(BenchStage::Kind::decode, n, decode_work(c, w, n + kDecoded / 2, r.memory().shape().row_bytes()));
  return bench;
}

void BenchModel::paint() {
  const ImageInput image = runtime_->image_input();
  for (int i = 0; i < 3 * image.side * image.side; ++i)
    image.planes[i] = static_cast<float>(i * 37 % 255) / 127.5f - 1.0f;
}

void BenchModel::measure(BenchStage& stage) {
  runtime_->reset();
  if (stage.kind == BenchStage::Kind::decode) fill(stage.n);
  if (stage.kind == BenchStage::Kind::encode) paint();
  const std::int64_t start = monotonic_ns();
  const double own = process_seconds();
  switch (stage.kind) {
    case BenchStage::Kind::encode:
      runtime_->encode_image();
      break;
    case BenchStage::Kind::prefill:
      prefill(stage.n);
      break;
    case BenchStage::Kind::decode:
      decode(kDecoded);
      break;
  }
  const double share = stage.kind == BenchStage::Kind::decode ? 1.0 / kDecoded : 1.0;
  const int n_threads = std::max(1, runtime_->options().n_threads);
  stage.wall_s.push_back(static_cast<double>(monotonic_ns() - start) * 1e-9 * share);
  stage.own_s.push_back((process_seconds() - own) / n_threads * share);
}

void BenchModel::fill(int n_tokens) {
  kv::Memory& memory = runtime_->memory();
  const kv::Memory::Shape& shape = memory.shape();
  Noise noise;
  std::vector<float> key(static_cast<std::size_t>(shape.head_dim)), value = key;
  std::vector<kv::TokenFacts> facts;
  for (int done = 0; done < n_tokens; done += static_cast<int>(facts.size())) {
    facts.assign(static_cast<std::size_t>(std::min(64, n_tokens - done)), {});
    SHRIKE_CHECK(memory.has_room(static_cast<int>(facts.size())), done);
    memory.append(facts);
    for (int layer = 0; layer < shape.n_layers; ++layer)
      for (int head = 0; head < shape.n_kv_heads; ++head)
        for (int row = 0; row < static_cast<int>(facts.size()); ++row) {
          noise.fill(key);
          noise.fill(value);
          memory.store(runtime_->kernels(), layer, head, row, key.data(), value.data());
        }
  }
}

void BenchModel::prefill(int n_tokens) {
  prompt_.resize(static_cast<std::size_t>(n_tokens));
  for (int i = 0; i < n_tokens; ++i)
    prompt_[static_cast<std::size_t>(i)].token = 1 + i * 7919 % (runtime_->text_config().n_vocab - 1);
  runtime_->run(prompt_, nullptr, false);
}

void BenchModel::decode(int n_tokens) {
  PromptToken token;
  for (int i = 0; i < n_tokens; ++i) {
    token.token = 1 + i * 7919 % (runtime_->text_config().n_vocab - 1);
    runtime_->run({&token, 1}, nullptr, true);
    runtime_->logits();
  }
}

}  // namespace shrike::cli
