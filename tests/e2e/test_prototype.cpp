// An older model of the same kind, with the answers that its own training code gave: other shape, other world, tied
// embeddings, another prompt. Only where that data is at hand.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "core/npy.hpp"
#include "core/session.hpp"
#include "tests/support/machine.hpp"
#include "tests/support/perch.hpp"

namespace shrike {
namespace {

using nlohmann::json;

const std::string kData = SHRIKE_SOURCE_DIR "/../shared/data/perch/";

std::string frames_path(int stream) {
  char name[64];
  std::snprintf(name, sizeof(name), "stream_%02d_frames.npy", stream);
  return kData + name;
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
};
Score ask_all(const SessionOptions& options) {
  Score score;
  auto session = Session::open(options).value();
  std::ifstream in(kData + "streams.json");
  for (const json& stream : json::parse(in)) {
    const Npy frames = read_npy(frames_path(stream["stream"])).value();
    session->reset();
    for (int frame = 0; frame < frames.shape[0]; ++frame) {
      show(frames, frame, session->image_input());
      EXPECT_NE(session->see(stream["seconds"][static_cast<std::size_t>(frame)]).status, See::memory_full);
      for (const json& q : stream["questions"]) {
        if (q["after_frame"] != frame) continue;
        ++score.n;
        score.as_reference +=
            test::answer(*session, q["question"].get<std::string>()) == q["reference_answer"] ? 1 : 0;
      }
    }
  }
  return score;
}

TEST(Prototype, gives_99_of_100_answers_of_its_training_code) {
  if (test::kSlow) GTEST_SKIP() << "264 questions in three types take too long here";
  if (!std::filesystem::exists(kData + "weights.npz")) GTEST_SKIP() << "no reference data beside the tree";
  const std::string pair = std::string(SHRIKE_BINARY_DIR) + "/prototype";
  for (const char* type : {"f32", "f16", "q8_0"}) {
    const std::string command = "/usr/bin/python3 '" SHRIKE_SOURCE_DIR "/models/perch/convert.py' '" + kData +
                                "' --type " + type + " --out '" + pair + "' >/dev/null 2>&1";
    if (std::system(command.c_str()) != 0) GTEST_SKIP() << "python3 with numpy is needed to make the pair";
    SessionOptions options;
    options.model_path = pair + "/perch-" + type + ".gguf";
    options.mmproj_path = pair + "/mmproj-perch-" + type + ".gguf";
    options.n_threads = 1;
    options.kv_policy = "full";  // the longest stream has 32 frames, 940 of 1,024 positions
    options.question_tokens_max = 40;
    options.answer_tokens_max = 16;
    const Score score = ask_all(options);
    std::printf("%s: %d of %d as the training code\n", type, score.as_reference, score.n);
    EXPECT_EQ(score.n, 264);
    EXPECT_GE(score.as_reference, type[0] == 'f' ? 262 : 250) << type;
  }
}

}  // namespace
}  // namespace shrike
