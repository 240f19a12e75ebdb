#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "camera/preprocess.hpp"
#include "camera/synthetic/questions.hpp"
#include "camera/synthetic/world.hpp"
#include "core/session.hpp"

namespace shrike::cli {

// A stream to evaluate on: a synthetic world from its first frame to its last, and what is asked when it is
// over.
struct EvalStream {
  synthetic::WorldOptions world;
  std::vector<synthetic::Question> questions;
};

// n_streams worlds, stream i with the seed first.seed + i and up to n_questions of all kinds.
[[nodiscard]] std::vector<EvalStream> make_streams(const synthetic::WorldOptions& first, int n_streams,
                                                   int n_questions);

// Asked about something that was last seen in the older half of the stream.
[[nodiscard]] bool is_about_old(const synthetic::Question& question) noexcept;
// Equal but for white space around them.
[[nodiscard]] bool is_right(std::string_view answer, std::string_view expected) noexcept;
// Percent that a guesser would get of all these questions.
[[nodiscard]] double guess_share(const std::vector<EvalStream>& streams) noexcept;

// The room that asking all this takes, in tokens of one model.
// Errors   does_not_fit: a question is longer than `session` itself has room for
struct AskingRoom {
  int question = 0;  // the longest question, without the words around it
  int answer = 0;    // the longest right answer, its end, and some: who says more is wrong anyway
  int around = 0;    // the words around a question
  int asked = 0;     // all questions of one stream together, with the words around them; the most of any
};
[[nodiscard]] Result<AskingRoom> asking_room(const std::vector<EvalStream>& streams, const Session& session);

// A stream as the decoder sees it. It hangs on no KV memory, so it is made once for all policies.
struct EncodedStream {
  std::vector<float> tokens;  // [n_frames][n_image_tokens][dim]
  std::vector<double> seconds;
  std::vector<std::int64_t> encode_ns;

  [[nodiscard]] std::span<const float> frame(std::size_t k) const noexcept {
    const std::size_t n = tokens.size() / seconds.size();
    return std::span(tokens).subspan(k * n, n);
  }
};

// Draws worlds and lets `session` look at them. What is drawn at the model's own size goes through the
// preprocessing unchanged.
class StreamEncoder {
 public:
  StreamEncoder(Session& session, int width, int height);
  // False: somebody asked for an end.
  [[nodiscard]] bool encode(const EvalStream& stream, EncodedStream& out);

 private:
  Session& session_;
  std::vector<std::byte> memory_;
  std::unique_ptr<Preprocessor> preprocess_;
};

}  // namespace shrike::cli
