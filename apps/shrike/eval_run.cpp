#include "apps/shrike/eval_run.hpp"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <mutex>
#include <numeric>
#include <thread>

#include "apps/shrike/eval_oracle.hpp"
#include "apps/shrike/signals.hpp"
#include "platform/clock.hpp"
#include "platform/cpu.hpp"

namespace shrike::cli {
namespace {

constexpr auto kTellEvery = std::chrono::milliseconds(250);

std::vector<int> live_slots(const kv::Memory& memory) {
  std::vector<int> live;
  for (int layer = 0; layer < memory.shape().n_layers; ++layer)
    for (int kv_head = 0; kv_head < memory.shape().n_kv_heads; ++kv_head)
      live.push_back(memory.n_live(layer, kv_head));
  return live;
}

// What is remembered at the end of a stream, and where it lies.
void measure(const Session& session, EvalWatched& out) {
  const kv::Memory& memory = session.runtime().memory();
  const kv::Memory::Shape& shape = memory.shape();
  const auto block = static_cast<std::int64_t>(shape.block_bytes());
  out.live = live_slots(memory);
  out.kept_bytes =
      std::accumulate(out.live.begin(), out.live.end(), std::int64_t{0}) * block / kv::kBlockSlots;
  out.kv_bytes = static_cast<std::int64_t>(memory.pool().bytes_used());
  out.pool_bytes = block * shape.n_blocks + static_cast<std::int64_t>(shape.fresh_bytes());
}

// The budget with which the longest turn can be kept, whatever has to leave for it.
std::int64_t turn_budget(const Session& session) {
  const Runtime& r = session.runtime();
  const kv::Memory::Shape& shape = r.memory().shape();
  std::vector<PromptToken> words(Prompt::kFrameBytesMax + Prompt::kQuestionBytesMax);
  const int n_opening = r.prompt().opening(words);
  const int n_blocks = kv::Memory::blocks_min(shape, n_opening, r.plan().ask_tokens_max);
  return n_blocks * static_cast<std::int64_t>(shape.block_bytes()) +
         static_cast<std::int64_t>(shape.fresh_bytes());
}

// One stream after another, with an encoder of its own and one session at a time.
class Worker {
 public:
  Worker(const EvalOptions& options, int n_threads, std::atomic<std::int64_t>& n_done)
      : o_(options), n_threads_(n_threads), n_done_(n_done) {}

  Status open() {
    SessionOptions options = o_.session;
    options.n_threads = n_threads_;
    options.kv_budget_bytes = 0;
    SHRIKE_TRY(encoder_session_, Session::open(options));
    const synthetic::WorldOptions& world = o_.streams.front().world;
    encoder_ = std::make_unique<StreamEncoder>(*encoder_session_, world.width, world.height);
    return ok();
  }

  const kv::Memory::Shape& shape() const { return encoder_session_->runtime().memory().shape(); }

  // watched[track] is what came of stream `s` there.
  Status run(std::size_t s, std::vector<EvalWatched>& watched, EncodedStream& encoded) {
    if (!encoder_->encode(o_.streams[s], encoded)) return ok();
    for (std::size_t t = 0; t < o_.tracks.size() && !stop_asked(); ++t) {
      const EvalTrack& track = o_.tracks[t];
      watched[t].budget_bytes = track.budget ? track.budget->of(watched[0].kept_bytes)
                                             : static_cast<std::int64_t>(o_.full_budget_bytes);
      SHRIKE_TRY_VOID(watch(o_.streams[s], encoded, track, watched[t]));
      n_done_ += 1;
    }
    return ok();
  }

 private:
  Status watch(const EvalStream& stream, const EncodedStream& encoded, const EvalTrack& track,
               EvalWatched& out) {
    SessionOptions options = o_.session;
    options.n_threads = n_threads_;
    options.kv_policy = track.is_oracle ? kOraclePolicy : track.policy;
    const std::vector<int> worths = track.is_oracle ? frame_worths(stream) : std::vector<int>();
    const bool is_share = track.budget && track.budget->percent > 0;
    (is_share ? options.kv_kept_bytes : options.kv_budget_bytes) =
        static_cast<std::size_t>(std::max<std::int64_t>(out.budget_bytes, 1));
    Result<std::unique_ptr<Session>> opened = Session::open(options);
    if (!opened && opened.error().subject == "--kv-budget" && opened.error().code == Code::does_not_fit) {
      out.too_small_for = opened.error().allowed;
      return ok();
    }
    SHRIKE_TRY(const std::unique_ptr<Session> session, std::move(opened));
    for (std::size_t k = 0; k < encoded.seconds.size(); ++k) {
      if (stop_asked()) return ok();
      const SeeResult seen =
          session->see(encoded.frame(k), encoded.seconds[k], {}, worths.empty() ? 0 : worths[k]);
      if (seen.status == See::memory_full && track.budget) {  // it keeps everything
        out.too_small_for = static_cast<std::int64_t>(o_.full_budget_bytes);
        return ok();
      }
      if (seen.status == See::memory_full)
        return Error{Code::does_not_fit, "are more than the model has positions for", "--frames",
                     static_cast<std::int64_t>(encoded.seconds.size()), static_cast<std::int64_t>(k)};
      out.see_ns.push_back(seen.prefill_ns);
    }
    session->settle();
    measure(*session, out);
    out.done = true;
    for (const EvalMode mode : o_.modes) out.asked.push_back(ask(*session, stream, mode));
    return ok();
  }

  // What is rolled back leaves nothing behind, so the modes that roll back come first.
  static EvalAsked ask(Session& session, const EvalStream& stream, EvalMode mode) {
    EvalAsked asked;
    for (const synthetic::Question& question : stream.questions) {
      if (stop_asked()) break;
      EvalAnswer answer;
      const AskResult result = session.ask(
          question.text,
          [](void* context, std::string_view piece) {
            static_cast<std::string*>(context)->append(piece);
            return true;
          },
          &answer.text, mode == EvalMode::multi_turn ? Turn::kept : Turn::forgotten);
      if (result.status == Ask::memory_full) {
        asked.too_small_for = turn_budget(session);
        asked.answers.clear();
        break;
      }
      answer.right = is_right(answer.text, question.answer);
      answer.ns_per_token = result.decode_ns / std::max(result.answer_tokens, 1);
      asked.answers.push_back(std::move(answer));
    }
    return asked;
  }

  const EvalOptions& o_;
  int n_threads_;
  std::atomic<std::int64_t>& n_done_;
  std::unique_ptr<Session> encoder_session_;
  std::unique_ptr<StreamEncoder> encoder_;
};

// Hands out streams until there are none, somebody asks for an end, or something fails.
class Crew {
 public:
  Crew(const EvalOptions& options, EvalOutcome& outcome) : o_(options), outcome_(outcome) {
    by_stream_.resize(o_.streams.size());
    encode_ns_.resize(o_.streams.size());
    for (auto& watched : by_stream_) watched.resize(o_.tracks.size());
  }

  Status run(const std::function<void(double)>& tell) {
    const int n_streams = static_cast<int>(o_.streams.size());
    const int n_workers = std::clamp(o_.n_threads, 1, n_streams);
    n_at_work_ = n_workers;
    std::vector<std::thread> workers;
    for (int i = 0; i < n_workers; ++i)
      workers.emplace_back([this, n = std::max(1, o_.n_threads / n_workers)] { work(n); });
    const double n_all = static_cast<double>(o_.streams.size() * o_.tracks.size());
    {
      std::unique_lock lock(mutex_);
      while (!ended_.wait_for(lock, kTellEvery, [this] { return n_at_work_ == 0; }))
        tell(static_cast<double>(n_done_.load()) / n_all);
    }
    for (std::thread& worker : workers) worker.join();
    if (failed_) return *failed_;
    gather();
    return ok();
  }

 private:
  void work(int n_threads) {
    Worker worker(o_, n_threads, n_done_);
    Status status = worker.open();
    for (std::size_t s = 0; status && !stop_asked() && (s = next_++) < o_.streams.size();) {
      EncodedStream encoded;
      status = worker.run(s, by_stream_[s], encoded);
      encode_ns_[s] = std::move(encoded.encode_ns);
      if (const std::lock_guard lock(mutex_); failed_) break;
    }
    const std::lock_guard lock(mutex_);
    if (!status && !failed_) failed_ = status.error();
    if (status) {  // the same in every worker
      outcome_.n_layers = worker.shape().n_layers;
      outcome_.n_kv_heads = worker.shape().n_kv_heads;
    }
    if (--n_at_work_ == 0) ended_.notify_all();
  }

  void gather() {
    outcome_.tracks.resize(o_.tracks.size());
    for (std::size_t s = 0; s < by_stream_.size(); ++s) {
      for (std::size_t t = 0; t < o_.tracks.size(); ++t)
        outcome_.tracks[t].push_back(std::move(by_stream_[s][t]));
      outcome_.encode_ns.insert(outcome_.encode_ns.end(), encode_ns_[s].begin(), encode_ns_[s].end());
    }
    outcome_.interrupted = stop_asked();
  }

  const EvalOptions& o_;
  EvalOutcome& outcome_;
  std::vector<std::vector<EvalWatched>> by_stream_;
  std::vector<std::vector<std::int64_t>> encode_ns_;  // [stream][frame]
  std::atomic<std::size_t> next_ = 0;
  std::atomic<std::int64_t> n_done_ = 0;
  std::mutex mutex_;  // of what follows
  std::condition_variable ended_;
  int n_at_work_ = 0;
  std::optional<Error> failed_;
};

}  // namespace

const char* word(EvalMode mode) noexcept {
  return mode == EvalMode::multi_turn ? "multi-turn" : "multi-request";
}

Result<EvalOutcome> run_evaluation(const EvalOptions& options, const std::function<void(double)>& tell) {
  EvalOutcome outcome;
  SHRIKE_TRY_VOID(Crew(options, outcome).run(tell));
  return outcome;
}

}  // namespace shrike::cli
