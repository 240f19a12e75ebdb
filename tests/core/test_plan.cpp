// What a model of a real size takes: no more than was promised of it, on every kernel set.
#include "core/plan.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

#include "core/runtime.hpp"
#include "tests/support/real_shapes.hpp"

namespace shrike {
namespace {

constexpr std::size_t kMiB = std::size_t{1} << 20;

// SmolVLM-256M in Q8_0, as far as a plan reads it.
class RealPlan : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    const test::Shape& shape = test::kRealShapes[0];
    ASSERT_TRUE(test::text_model(shape, DType::q8_0, true).write(kText));
    ASSERT_TRUE(test::vision_model(shape, DType::q8_0, true).write(kVision));
  }
  static void TearDownTestSuite() {
    std::filesystem::remove(kText);
    std::filesystem::remove(kVision);
  }
  static void expect_at_most(SessionOptions options, std::size_t bytes) {
    options.n_threads = 2;
    for (const Isa isa : runnable_isas()) {
      options.isa = isa_name(isa);
      const Result<Plan> plan = Runtime::plan(options);
      ASSERT_TRUE(plan) << plan.error().subject << ": " << plan.error().rule;
      EXPECT_TRUE(plan->fits());
      EXPECT_LE(plan->total_bytes(), bytes) << options.isa;
    }
  }

  static inline const std::string kText =
      ::testing::TempDir() + std::to_string(::getpid()) + "_real_plan.gguf";
  static inline const std::string kVision =
      ::testing::TempDir() + std::to_string(::getpid()) + "_real_mmproj.gguf";
};

TEST_F(RealPlan, text_with_2048_tokens_kept_whole_takes_60_mib) {
  SessionOptions options;
  options.model_path = kText;
  options.kv_policy = "full";
  options.context_max = 2048;
  options.kv_budget_bytes = std::size_t{1} << 40;
  expect_at_most(options, 60 * kMiB);
}

TEST_F(RealPlan, a_stream_with_16_mib_of_keys_and_values_takes_64_mib_with_the_cameras_frames) {
  constexpr std::size_t kFrames = 3 * 1920 * 1080 * 3;
  SessionOptions options;
  options.model_path = kText;
  options.mmproj_path = kVision;
  options.kv_budget_bytes = 16 * kMiB;
  for (const char* policy : {"recent", "novel", "meda"}) {
    options.kv_policy = policy;
    expect_at_most(options, 64 * kMiB - kFrames);
  }
}

}  // namespace
}  // namespace shrike
