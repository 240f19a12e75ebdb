// The demo model against its reference implementation: embeddings, prompt tokens, logits and answers. Two
// streams are in the tree; the other ten are used where the reference data is at hand.
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "core/npy.hpp"
#include "core/session.hpp"
#include "tests/support/isas.hpp"
#include "tests/support/perch.hpp"

namespace shrike {
namespace {

using nlohmann::json;
using test::answer;
using test::perch_options;

const std::string kHere = SHRIKE_SOURCE_DIR "/tests/data/perch/";
const std::string kAll = SHRIKE_SOURCE_DIR "/../shared/data/perch/";

json load_json(const std::string& path) {
  std::ifstream in(path);
  EXPECT_TRUE(in) << path;
  return json::parse(in);
}

std::string stream_path(const std::string& folder, int stream) {
  char name[64];
  std::snprintf(name, sizeof(name), "stream_%02d_frames.npy", stream);
  return folder + name;
}

// u8 [frames][side][side][3] at the model's own size: no resampling.
void show(const Npy& frames, int frame, const ImageInput& image) {
  ASSERT_EQ(frames.shape[1], image.side);
  const int n = image.side * image.side;
  const std::uint8_t* pixels =
      frames.u8.data() + static_cast<std::size_t>(frame) * static_cast<std::size_t>(n) * 3;
  for (int c = 0; c < 3; ++c)
    for (int i = 0; i < n; ++i)
      image.planes[c * n + i] = static_cast<float>(pixels[3 * i + c]) * image.scale[c] + image.shift[c];
}

struct Score {
  int n = 0;
  int as_reference = 0;
  int right = 0;
};
Score ask_all(const SessionOptions& options, const std::string& folder) {
  Score score;
  auto session = Session::open(options).value();
  for (const json& stream : load_json(folder + "streams.json")) {
    const Npy frames = read_npy(stream_path(folder, stream["stream"])).value();
    session->reset();
    for (int frame = 0; frame < frames.shape[0]; ++frame) {
      show(frames, frame, session->image_input());
      EXPECT_NE(session->see(stream["seconds"][static_cast<std::size_t>(frame)]).status, See::memory_full);
      for (const json& q : stream["questions"]) {
        if (q["after_frame"] != frame) continue;
        const std::string got = answer(*session, q["question"].get<std::string>());
        ++score.n;
        score.as_reference += got == q["reference_answer"] ? 1 : 0;
        score.right += got == q["expected"] ? 1 : 0;
      }
    }
  }
  return score;
}

// The whole context for the stream: the longest one here has 32 frames, 940 of the model's 1,024 positions.
SessionOptions for_long_streams(SessionOptions options) {
  options.kv_policy = "full";
  options.question_tokens_max = 40;
  options.answer_tokens_max = 16;
  return options;
}

class Perch : public test::OnEveryIsa {
 protected:
  SessionOptions options(const std::string& type) {
    SessionOptions o = perch_options(type);
    o.isa = isa_name(GetParam());
    return for_long_streams(o);
  }
};
SHRIKE_MODELS_ON_EVERY_ISA(Perch);

TEST_P(Perch, sees_the_image_tokens_of_the_reference) {
  auto runtime = Runtime::open(options("f16")).value();
  const Npy frames = read_npy(stream_path(kHere, 1)).value();
  const Npy expected = read_npy(kHere + "embd_stream_01.npy").value();  // [8][16][256]
  for (int frame = 0; frame < 8; ++frame) {
    show(frames, frame, runtime->image_input());
    const float* rows = runtime->encode_image();
    const float* want = expected.f32.data() + frame * 16 * 256;
    float range = 0, worst = 0;
    for (int i = 0; i < 16 * 256; ++i) {
      range = std::max(range, std::fabs(want[i]));
      worst = std::max(worst, std::fabs(want[i] - rows[i]));
    }
    EXPECT_LE(worst, 2e-3f * 2 * range) << "frame " << frame;
  }
}

TEST_P(Perch, reads_the_prompt_of_the_reference_token_by_token) {
  auto runtime = Runtime::open(options("f16")).value();
  const json expected = load_json(kHere + "tokens_stream_01.json")["prompt_tokens"];
  std::vector<int> got;
  const auto add = [&](int n) {
    for (int i = 0; i < n; ++i) {
      const TokenId token = runtime->prompt_buffer()[static_cast<std::size_t>(i)].token;
      got.push_back(token < 0 ? 4 : token);  // <image>
    }
  };
  add(runtime->prompt().opening(runtime->prompt_buffer()));
  for (int frame = 0; frame < 8; ++frame)
    add(runtime->prompt().frame(2.0 * frame, frame, runtime->prompt_buffer()));
  EXPECT_EQ(got, expected.get<std::vector<int>>());
}

TEST_P(Perch, gives_the_logits_of_the_reference) {
  for (const auto& [type, tolerance] : {std::pair{"f16", 2e-3f}, std::pair{"q8_0", 1.5e-2f}}) {
    auto runtime = Runtime::open(options(type)).value();
    const Npy frames = read_npy(stream_path(kHere, 1)).value();
    const json stream = load_json(kHere + "streams.json")[0];
    const auto run = [&](int n, const float* rows, bool logits) {
      ASSERT_GT(n, 0);
      ASSERT_EQ(runtime->memory().make_room(n, runtime->policy()), kv::Room::ok);
      runtime->run(runtime->prompt_buffer().first(static_cast<std::size_t>(n)), rows, logits);
    };
    run(runtime->prompt().opening(runtime->prompt_buffer()), nullptr, false);
    for (int frame = 0; frame < 8; ++frame) {
      show(frames, frame, runtime->image_input());
      const float* rows = runtime->encode_image();
      run(runtime->prompt().frame(2.0 * frame, frame, runtime->prompt_buffer()), rows, false);
    }
    for (const int q : {11, 15, 21}) {
      const Npy expected = read_npy(kHere + "logits_stream_01_q" + std::to_string(q) + ".npy").value();
      const std::string question = stream["questions"][static_cast<std::size_t>(q)]["question"];
      runtime->memory().mark();
      const int n_tokens = runtime->prompt().question(question, runtime->prompt_buffer());
      runtime->run(runtime->prompt_buffer().first(static_cast<std::size_t>(n_tokens)), nullptr, true);
      const float* logits = runtime->logits();
      float low = INFINITY, high = -INFINITY, worst = 0;
      for (std::size_t i = 0; i < expected.f32.size(); ++i) {
        low = std::min(low, expected.f32[i]);
        high = std::max(high, expected.f32[i]);
        worst = std::max(worst, std::fabs(expected.f32[i] - logits[i]));
      }
      EXPECT_LE(worst / (high - low), tolerance) << type << " question " << q;
      runtime->memory().roll_back();
    }
  }
}

TEST_P(Perch, gives_the_answers_of_the_reference) {
  for (const char* type : {"q8_0", "f16"}) {
    if (test::kEmulated && type[0] == 'f') continue;
    const Score score = ask_all(options(type), kHere);
    ASSERT_EQ(score.n, 44);
    EXPECT_GE(score.as_reference, type[0] == 'f' ? 44 : 42) << type;
  }
}

TEST(PerchAll, f32_gives_99_of_100_answers_of_the_reference_and_the_others_nearly) {
  if (test::kEmulated) GTEST_SKIP() << "264 questions in three types take too long in an emulator";
  if (!std::filesystem::exists(kAll + "weights.npz")) GTEST_SKIP() << "no reference data beside the tree";
  const std::string folder = std::string(SHRIKE_BINARY_DIR) + "/perch-f32";
  const std::string command = "/usr/bin/python3 '" SHRIKE_SOURCE_DIR "/models/perch/convert.py' '" + kAll +
                              "' --type f32 --out '" + folder + "' >/dev/null 2>&1";
  if (std::system(command.c_str()) != 0) GTEST_SKIP() << "python3 with numpy is needed to make the f32 pair";
  for (const char* type : {"f32", "f16", "q8_0"}) {
    SessionOptions options = perch_options(type);
    if (type[1] == '3') {
      options.model_path = folder + "/perch-f32.gguf";
      options.mmproj_path = folder + "/mmproj-perch-f32.gguf";
    }
    const Score score = ask_all(for_long_streams(options), kAll);
    std::printf("%s: %d of %d as the reference, %d right\n", type, score.as_reference, score.n, score.right);
    EXPECT_EQ(score.n, 264);
    EXPECT_GE(score.as_reference, type[1] == '3' ? 262 : 250) << type;
  }
}

}  // namespace
}  // namespace shrike
