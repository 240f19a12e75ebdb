#include "apps/shrike/eval_streams.hpp"

#include <algorithm>

#include "apps/shrike/signals.hpp"
#include "camera/synthetic/renderer.hpp"
#include "platform/check.hpp"
#include "platform/clock.hpp"

namespace shrike::cli {
namespace {

constexpr std::size_t kAlignment = 64;  // of a preprocessor's memory
constexpr int kAnswerSpare = 4;         // tokens: the end, and another spelling of the same words

std::string_view trimmed(std::string_view text) noexcept {
  constexpr std::string_view kSpace = " \t\r\n\f\v";
  const std::size_t first = text.find_first_not_of(kSpace);
  return first == text.npos ? "" : text.substr(first, text.find_last_not_of(kSpace) + 1 - first);
}

}  // namespace

std::vector<EvalStream> make_streams(const synthetic::WorldOptions& first, int n_streams, int n_questions) {
  std::vector<EvalStream> streams(static_cast<std::size_t>(n_streams));
  for (std::size_t i = 0; i < streams.size(); ++i) {
    streams[i].world = first;
    streams[i].world.seed += i;
    const synthetic::World world(streams[i].world);
    streams[i].questions =
        synthetic::ask_about(world, world.n_frames() - 1, n_questions, streams[i].world.seed);
  }
  return streams;
}

bool is_about_old(const synthetic::Question& question) noexcept { return 2 * question.age > question.cut; }

bool is_right(std::string_view answer, std::string_view expected) noexcept {
  return trimmed(answer) == trimmed(expected);
}

double guess_share(const std::vector<EvalStream>& streams) noexcept {
  double percent = 0;
  std::int64_t n = 0;
  for (const EvalStream& stream : streams)
    for (const synthetic::Question& question : stream.questions) {
      percent += synthetic::chance_percent(question.kind);
      ++n;
    }
  return n > 0 ? percent / 100 / static_cast<double>(n) : 0;
}

Result<AskingRoom> asking_room(const std::vector<EvalStream>& streams, const Session& session) {
  const Runtime& runtime = session.runtime();
  std::vector<PromptToken> prompt(Prompt::kQuestionBytesMax);
  std::vector<TokenId> tokens(Prompt::kQuestionBytesMax);
  const auto n_question = [&](std::string_view text) { return runtime.prompt().question(text, prompt); };
  const auto n_answer = [&](std::string_view text) {
    return runtime.tokenizer().encode(std::string(1, ' ').append(text), Special::as_text, tokens);
  };
  AskingRoom room{1, 1, n_question("")};
  for (const EvalStream& stream : streams) {
    int n_asked = 0;
    for (const synthetic::Question& q : stream.questions) {
      const int n = n_question(q.text);
      if (n < 0) return Error{Code::does_not_fit, "is a question of too many tokens for this model", q.text};
      n_asked += n;
      room.question = std::max(room.question, n - room.around);
      room.answer = std::max(room.answer, n_answer(q.answer) + kAnswerSpare);
    }
    room.asked = std::max(room.asked, n_asked);
  }
  return room;
}

StreamEncoder::StreamEncoder(Session& session, int width, int height) : session_(session) {
  const ImageInput image = session.image_input();
  const Preprocessor::Whole whole{image.shortest, image.longest};
  memory_.resize(Preprocessor::bytes_needed(width, height, image.side, image.filter, 1, whole) + kAlignment);
  std::byte* memory = memory_.data();
  memory += (kAlignment - reinterpret_cast<std::uintptr_t>(memory) % kAlignment) % kAlignment;
  preprocess_ = std::make_unique<Preprocessor>(session.runtime().kernels(), memory, width, height, image.side,
                                               image.filter, 1, whole);
}

bool StreamEncoder::encode(const EvalStream& stream, EncodedStream& out) {
  const synthetic::World world(stream.world);
  synthetic::Renderer renderer(world);
  Frame frame;
  frame.width = stream.world.width;
  frame.height = stream.world.height;
  frame.stride = 3 * static_cast<std::size_t>(frame.width);
  std::vector<std::uint8_t> pixels(frame.stride * static_cast<std::size_t>(frame.height));
  frame.pixels = pixels.data();
  out = {};
  for (int k = 0; k < world.n_frames(); ++k) {
    if (stop_asked()) return false;
    renderer.draw(k, pixels.data(), frame.stride);
    const bool good = (*preprocess_)(frame, session_.image_input());
    SHRIKE_CHECK(good, frame.width, frame.height);
    const std::int64_t start = monotonic_ns();
    const std::span<const float> tokens = session_.encode();
    out.encode_ns.push_back(monotonic_ns() - start);
    out.tokens.insert(out.tokens.end(), tokens.begin(), tokens.end());
    out.seconds.push_back(world.seconds(k));
  }
  return true;
}

}  // namespace shrike::cli
