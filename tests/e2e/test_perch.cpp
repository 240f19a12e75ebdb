// The demo model against the code that trained it: image tokens, prompt, logits and answers, on streams that the
// synthetic camera draws again from their seeds.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>

#include "core/npy.hpp"
#include "core/session.hpp"
#include "tests/support/footage.hpp"
#include "tests/support/isas.hpp"
#include "tests/support/perch.hpp"

namespace shrike {
namespace {

using nlohmann::json;
using test::answer;
using test::Footage;
using test::perch_options;

const std::string kData = SHRIKE_SOURCE_DIR "/tests/data/perch/";

json load_json(const std::string& name) {
  std::ifstream in(kData + name);
  EXPECT_TRUE(in) << name;
  return json::parse(in);
}

struct Score {
  int n = 0, as_reference = 0, right = 0, reference_right = 0;
};
Score ask_all(const SessionOptions& options, std::size_t n_streams) {
  Score score;
  auto session = Session::open(options).value();
  const json streams = load_json("answers.json");
  for (std::size_t i = 0; i < std::min(n_streams, streams.size()); ++i) {
    Footage stream(streams[i]["spec"]);
    session->reset();
    for (int frame = 0; frame < stream.n_frames(); ++frame) {
      stream.show(frame, session->image_input());
      EXPECT_EQ(session->see(stream.seconds(frame)).status, See::ok);
      for (const json& q : streams[i]["questions"]) {
        if (q["after_frame"] != frame) continue;
        const std::string got = answer(*session, q["question"].get<std::string>());
        ++score.n;
        score.as_reference += got == q["reference"] ? 1 : 0;
        score.right += got == q["expected"] ? 1 : 0;
        score.reference_right += q["reference"] == q["expected"] ? 1 : 0;
      }
    }
  }
  return score;
}

SessionOptions with_everything_kept(SessionOptions options) {
  options.kv_policy = "full";
  options.question_tokens_max = 40;
  options.answer_tokens_max = 24;
  return options;
}

class Perch : public test::OnEveryIsa {
 protected:
  SessionOptions options(const std::string& type) {
    SessionOptions o = perch_options(type);
    o.isa = isa_name(GetParam());
    return with_everything_kept(o);
  }
  // The first stream's first frames, as far as the memory of a new runtime holds them after this.
  std::unique_ptr<Runtime> after_frames(const std::string& type, int n_frames) {
    auto runtime = Runtime::open(options(type)).value();
    Footage stream(load_json("answers.json")[0]["spec"]);
    run(*runtime, runtime->prompt().opening(runtime->prompt_buffer()), nullptr, false);
    for (int frame = 0; frame < n_frames; ++frame) {
      stream.show(frame, runtime->image_input());
      const float* rows = runtime->encode_image();
      run(*runtime, runtime->prompt().frame(stream.seconds(frame), frame, runtime->prompt_buffer()), rows,
          false);
    }
    return runtime;
  }
  static void run(Runtime& runtime, int n, const float* rows, bool logits) {
    ASSERT_GT(n, 0);
    ASSERT_EQ(runtime.memory().make_room(n, runtime.policy()), kv::Room::ok);
    runtime.run(runtime.prompt_buffer().first(static_cast<std::size_t>(n)), rows, logits);
  }
};
SHRIKE_MODELS_ON_EVERY_ISA(Perch);

// Largest difference over the reference's range.
float relative_error(const float* got, const float* want, std::size_t n) {
  float low = INFINITY, high = -INFINITY, worst = 0;
  for (std::size_t i = 0; i < n; ++i) {
    low = std::min(low, want[i]);
    high = std::max(high, want[i]);
    worst = std::max(worst, std::fabs(want[i] - got[i]));
  }
  return worst / (high - low);
}

TEST_P(Perch, sees_the_image_tokens_of_the_reference) {
  const Npy expected = read_npy(kData + "image_tokens.npy").value();  // [frames][tokens][dim]
  const std::size_t n = expected.f32.size() / static_cast<std::size_t>(expected.shape[0]);
  auto runtime = Runtime::open(options("f16")).value();
  Footage stream(load_json("answers.json")[0]["spec"]);
  for (int frame = 0; frame < expected.shape[0]; ++frame) {
    stream.show(frame, runtime->image_input());
    const float* want = expected.f32.data() + static_cast<std::size_t>(frame) * n;
    EXPECT_LE(relative_error(runtime->encode_image(), want, n), 2e-3f) << "frame " << frame;
  }
}

TEST_P(Perch, reads_the_prompt_of_the_reference_token_by_token) {
  auto runtime = Runtime::open(options("f16")).value();
  const std::vector<int> expected = load_json("tokens.json")["stream"];
  Footage stream(load_json("answers.json")[0]["spec"]);
  std::vector<int> got;
  const auto add = [&](int n) {
    for (int i = 0; i < n; ++i) {
      const TokenId token = runtime->prompt_buffer()[static_cast<std::size_t>(i)].token;
      got.push_back(token < 0 ? 4 : token);  // <image>
    }
  };
  add(runtime->prompt().opening(runtime->prompt_buffer()));
  for (int frame = 0; frame < 8; ++frame)
    add(runtime->prompt().frame(stream.seconds(frame), frame, runtime->prompt_buffer()));
  EXPECT_EQ(got, expected);
}

TEST_P(Perch, gives_the_logits_of_the_reference) {
  const Npy expected = read_npy(kData + "logits.npy").value();  // [questions][vocabulary]
  const json questions = load_json("tokens.json")["questions"];
  const std::size_t n = static_cast<std::size_t>(expected.shape[1]);
  for (const auto& [type, tolerance] : {std::pair{"f16", 2e-3f}, std::pair{"q8_0", 1.5e-2f}}) {
    auto runtime = after_frames(type, 8);
    for (std::size_t q = 0; q < questions.size(); ++q) {
      runtime->memory().mark();
      const int n_tokens = static_cast<int>(questions[q].size());
      for (int i = 0; i < n_tokens; ++i)
        runtime->prompt_buffer()[static_cast<std::size_t>(i)] = {questions[q][static_cast<std::size_t>(i)],
                                                                 {}};
      runtime->run(runtime->prompt_buffer().first(static_cast<std::size_t>(n_tokens)), nullptr, true);
      EXPECT_LE(relative_error(runtime->logits(), expected.f32.data() + q * n, n), tolerance)
          << type << " question " << q;
      runtime->memory().roll_back();
    }
  }
}

// 995 of 1,000 is asked of f32, which is not shipped; f16 reaches it as well.
TEST_P(Perch, gives_the_answers_of_the_reference) {
  const bool whole = GetParam() == runnable_isas().front() && !test::kSlow;
  for (const char* type : {"f16", "q8_0"}) {
    const Score score = ask_all(options(type), whole ? 1000 : test::kEmulated ? 1 : 2);
    std::printf("%s: %d of %d as the reference; %d right, the reference %d\n", type, score.as_reference,
                score.n, score.right, score.reference_right);
    EXPECT_GE(score.n, whole ? 1000 : 20);
    // Of few questions, two may fall the other way by rounding.
    const int may_differ = type[0] == 'f' ? score.n * 5 / 1000 : std::max(2, score.n * 30 / 1000);
    EXPECT_LE(score.n - score.as_reference, may_differ) << type;
  }
}

}  // namespace
}  // namespace shrike
