#pragma once

#include <memory>
#include <string>
#include <vector>

#include "apps/shrike/options.hpp"
#include "camera/preprocess.hpp"
#include "camera/source.hpp"
#include "core/session.hpp"

namespace shrike::cli {

// What a watch looks back on.
struct Summary {
  SessionStats session;
  SourceStats source;
  std::int64_t n_frames = 0, n_refused = 0;  // taken; of those, not remembered: full, or of no size
  double stream_seconds = 0;                 // media time of the last frame
  double wall_seconds = 0;
  double first_frame_ms = 0;             // from start to the first frame remembered
  double encode_ms = 0, prefill_ms = 0;  // median per frame
  double answer_ms = 0;                  // median per answer
  std::int64_t peak_bytes = 0;           // anonymous and shared memory, as the system counts it
  bool interrupted = false;
};

// Who listens to a stream. `seconds` is the time of the newest frame.
class Listener {
 public:
  virtual ~Listener() = default;
  virtual void frame(double seconds, const SeeResult& result) = 0;
  virtual void event(double seconds, const std::string& text) = 0;  // restarted, full, dropped: one line
};

// Source, preprocessing and session as one thing that runs: the loop behind demo, watch and ask.
class Stream {
 public:
  // Starts the capture process first, so that it opens the source while the model is laid out. A plan that
  // does not fit is printed to stderr before the Error comes back.
  [[nodiscard]] static Result<std::unique_ptr<Stream>> open(const ModelArguments& model,
                                                            const SourceOptions& source);

  // Goes on with another source of the same kind behind what was seen; its time follows on.
  [[nodiscard]] Status continue_with(const SourceOptions& source);

  Session& session() noexcept { return *session_; }
  double seconds() const noexcept { return summary_.stream_seconds; }

  enum class Next { frame, waiting, ended, failed, interrupted };
  // Takes one frame into hand: its time is seconds_ahead(); nothing is seen yet.
  Next next(Listener& listener);
  double seconds_ahead() const noexcept { return frame_.seconds + begin_seconds_; }
  // Sees the frame in hand, and gives it back.
  void see(Listener& listener);
  // Asks; pieces of the answer are gathered in `text`, whose memory is kept from answer to answer.
  AskResult ask(const std::string& question, std::string& text);

  const char* failure() const noexcept { return source_->note(); }
  Summary summary();

 private:
  Stream() = default;

  std::unique_ptr<Source> source_;
  std::unique_ptr<Session> session_;
  std::unique_ptr<Preprocessor> preprocess_;
  Frame frame_;
  SourceOptions source_options_;
  double begin_seconds_ = 0;  // of the present source, in the stream's time
  bool in_hand_ = false;
  bool full_told_ = false;
  std::int64_t start_ns_ = 0;
  std::vector<std::int64_t> encode_ns_, prefill_ns_, answer_ns_;  // reserved; the newest kMediansMax of each
  std::size_t n_timed_ = 0, n_answers_ = 0;
  Summary summary_;
};

// What a stream holds beside its session, for the plan.
struct ImageShape {
  int side = 0;               // of a tile
  int across_max = 1;         // rows and columns of tiles that a picture may be cut into
  Preprocessor::Whole whole;  // sides of a picture of its own size
  Filter filter = Filter::lanczos;
};
[[nodiscard]] Result<ImageShape> image_shape(const SessionOptions& options, const ModelArguments& model);
[[nodiscard]] std::vector<SessionOptions::Guest> stream_guests(const SourceOptions& source,
                                                               const ImageShape& image);
// Why a plan does not fit, as opening it would say.
[[nodiscard]] Error plan_error(const Plan& plan);

// When the process began, for "start to first frame".
void note_start() noexcept;

}  // namespace shrike::cli
