#pragma once

#include <memory>
#include <string>
#include <vector>

#include "apps/shrike/bench_work.hpp"
#include "core/runtime.hpp"

namespace shrike::cli {

// One stage of a model, measured again and again.
struct BenchStage {
  enum class Kind : std::uint8_t { encode, prefill, decode };
  Kind kind = Kind::encode;
  int n = 0;  // tokens that are prefilled, or that lie before the decoded ones
  Work work;
  std::vector<double> wall_s,
      own_s;  // of each repetition; own: processor time of the process over its threads

  std::string name() const;  // "encode", "prefill 512", "decode at 2048"
  double seconds() const;    // the median
  double seconds_min() const;
  double own_seconds() const;
};

// A model on so many threads with one kernel set, and its stages.
class BenchModel {
 public:
  struct Wanted {
    std::vector<int> prefills, contexts;
    bool encode = true;
  };
  [[nodiscard]] static Result<std::unique_ptr<BenchModel>> open(SessionOptions options, const Wanted& wanted);

  void measure(BenchStage& stage);  // one repetition more
  std::vector<BenchStage>& stages() noexcept { return stages_; }
  const std::vector<BenchStage>& stages() const noexcept { return stages_; }
  Runtime& runtime() noexcept { return *runtime_; }
  const Runtime& runtime() const noexcept { return *runtime_; }

 private:
  void paint();  // the picture, which lies where rows run
  void fill(int n_tokens);
  void prefill(int n_tokens);
  void decode(int n_tokens);

  std::unique_ptr<Runtime> runtime_;
  std::vector<BenchStage> stages_;
  std::vector<PromptToken> prompt_;
};

}  // namespace shrike::cli
