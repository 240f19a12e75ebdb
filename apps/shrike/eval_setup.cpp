#include "apps/shrike/eval_setup.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "apps/shrike/eval_oracle.hpp"
#include "core/limits.hpp"
#include "platform/cpu.hpp"

namespace shrike::cli {
namespace {

constexpr int kStreamsMax = 10'000, kQuestionsMax = 1000;

Status within(const char* option, std::int64_t value, std::int64_t min, std::int64_t max) {
  if (value >= min && value <= max) return ok();
  return Error{Code::usage, value < min ? "too small" : "too large", option, value, value < min ? min : max};
}

Status check_numbers(const EvalArguments& a) {
  SHRIKE_TRY_VOID(within("--streams", a.n_streams, 1, kStreamsMax));
  SHRIKE_TRY_VOID(within("--frames", a.n_frames, 0, synthetic::kWorldFramesMax));
  SHRIKE_TRY_VOID(within("--questions", a.n_questions, 1, kQuestionsMax));
  SHRIKE_TRY_VOID(within("--seed", a.seed, 0, std::numeric_limits<std::int64_t>::max() - kStreamsMax));
  return within("--threads", a.model.threads, 0, limits::kThreadsMax);
}

Result<std::vector<EvalMode>> parse_modes(const std::string& text) {
  using Modes = std::vector<EvalMode>;
  if (text == "requests") return Modes{EvalMode::multi_request};
  if (text == "turns") return Modes{EvalMode::multi_turn};
  if (text == "both") return Modes{EvalMode::multi_request, EvalMode::multi_turn};
  return Error{Code::usage, "is no mode; there are requests, turns and both", "--mode " + text};
}

// "all", or names with commas between, or compositions by hand, which have commas of their own: semicolons
// part them.
std::vector<std::string> split_policies(const std::string& list) {
  std::vector<std::string> policies;
  if (list == "all") {
    for (const kv::PolicyRow& row : kv::named_policies())
      policies.emplace_back(row.name == kOraclePolicy ? kOracle : row.name);
    return policies;
  }
  for (const std::string& part : split_at(list, ';')) {
    const bool by_hand = part.find('=') != part.npos;
    const std::vector<std::string> names = by_hand ? std::vector{part} : split_at(part, ',');
    for (const std::string& name : names) {
      const std::size_t first = std::min(name.find_first_not_of(' '), name.size());
      policies.push_back(name.substr(first, name.find_last_not_of(' ') + 1 - first));
    }
  }
  return policies;
}

Result<std::vector<std::string>> parse_policies(const std::string& list) {
  std::vector<std::string> policies = split_policies(list);
  std::erase(policies, "full");  // is always there
  for (auto policy = policies.begin(); policy != policies.end(); ++policy) {
    if (*policy != kOracle) SHRIKE_TRY_VOID(kv::parse_policy(*policy));
    if (std::find(policies.begin(), policy, *policy) != policy)
      return Error{Code::usage, "was given twice", "--policies " + *policy};
  }
  return policies;
}

std::vector<EvalTrack> make_tracks(const std::vector<std::string>& policies,
                                   const std::vector<EvalBudget>& budgets) {
  std::vector<EvalTrack> tracks = {{"full", std::nullopt, false}};
  for (const std::string& policy : policies)
    for (const EvalBudget& budget : budgets) tracks.push_back({policy, budget, policy == kOracle});
  return tracks;
}

// A world at the model's own size and pace.
synthetic::WorldOptions first_world(const EvalArguments& a, Session& session) {
  synthetic::WorldOptions world;
  world.seed = static_cast<std::uint64_t>(a.seed);
  world.fps_milli = std::max(1L, std::lround(session.runtime().text_config().video_fps * 1000));
  world.width = world.height = std::max(session.image_input().side, synthetic::kWorldSideMin);
  return world;
}

// Tokens of a stream of `world` with its questions and their answers as turns: all that is ever held
// together.
struct StreamTokens {
  int opening = 0, all = 0;
};
StreamTokens count_tokens(const synthetic::World& world, const Session& session, int n_turns) {
  const Prompt& prompt = session.runtime().prompt();
  std::vector<PromptToken> out(Prompt::kFrameBytesMax + 4096 +
                               static_cast<std::size_t>(session.runtime().tiles().whole_tokens_max()));
  StreamTokens tokens;
  tokens.opening = prompt.opening(out);
  tokens.all = tokens.opening + n_turns;
  for (int k = 0; k < world.n_frames(); ++k) tokens.all += prompt.frame(world.seconds(k), k, out);
  return tokens;
}

// Streams of so many frames and the rooms for them.
class Fitting {
 public:
  Fitting(const EvalArguments& a, EvalOptions& options, Session& session)
      : a_(a), o_(options), session_(session), shape_(session.runtime().memory().shape()) {}

  // Positions that are missing; 0 or less: it fits.
  Result<int> try_frames(int n_frames) {
    synthetic::WorldOptions world = first_world(a_, session_);
    world.n_frames = n_frames;
    o_.streams = make_streams(world, a_.n_streams, a_.n_questions);
    SHRIKE_TRY(const AskingRoom room, asking_room(o_.streams, session_));
    const bool turns = std::find(o_.modes.begin(), o_.modes.end(), EvalMode::multi_turn) != o_.modes.end();
    const int n_turns = turns ? room.asked + a_.n_questions * room.answer : 0;
    const StreamTokens tokens = count_tokens(synthetic::World(world), session_, n_turns);
    o_.session.question_tokens_max = room.question;
    o_.session.answer_tokens_max = room.answer;
    shape_.reserve = room.around + room.question + room.answer;
    const int n_blocks = kv::Memory::blocks_min(shape_, tokens.opening, tokens.all);
    o_.full_budget_bytes = static_cast<std::size_t>(n_blocks) * shape_.block_bytes();
    return tokens.all + shape_.reserve - shape_.n_ctx;
  }

  // The most frames below n_frames that fit; 0 where not even one does. Shorter streams have shorter
  // questions too, so that the first guess is low.
  Result<int> shrink(int n_frames, int missing) {
    n_frames = std::max(0, n_frames - 1 - missing / session_.plan().tokens_per_frame);
    bool fits = false, grown = false;
    while (n_frames > 0) {
      SHRIKE_TRY(const int short_of, try_frames(n_frames));
      if (short_of > 0 && fits) grown = true;
      fits = short_of <= 0;
      if (fits && grown) break;
      n_frames += fits ? 1 : -1;
    }
    return n_frames;
  }

 private:
  const EvalArguments& a_;
  EvalOptions& o_;
  Session& session_;
  kv::Memory::Shape shape_;
};

Status make_fitting_streams(const EvalArguments& a, EvalOptions& options) {
  SessionOptions probe = options.session;
  probe.n_threads = 1;
  probe.kv_policy = "full";
  SHRIKE_TRY(const std::unique_ptr<Session> session, Session::open(probe));
  Fitting fitting(a, options, *session);
  const int wanted = a.n_frames > 0 ? a.n_frames : kEvalFrames;
  SHRIKE_TRY(const int missing, fitting.try_frames(wanted));
  if (missing <= 0) return ok();
  SHRIKE_TRY(const int n_frames, fitting.shrink(wanted, missing));
  options.as_long_as_possible = n_frames > 0 && a.n_frames == 0;
  if (options.as_long_as_possible) return ok();
  return Error{Code::does_not_fit, "with its questions the stream has more positions than the model",
               "--frames " + std::to_string(wanted) + ", at most " + std::to_string(n_frames)};
}

}  // namespace

Result<EvalOptions> eval_options(const EvalArguments& a) {
  SHRIKE_TRY_VOID(check_numbers(a));
  EvalOptions options;
  SHRIKE_TRY(options.modes, parse_modes(a.mode));
  SHRIKE_TRY(const std::vector<EvalBudget> budgets, parse_budgets(a.budgets));
  SHRIKE_TRY(const std::vector<std::string> policies, parse_policies(a.policies));
  options.tracks = make_tracks(policies, budgets);
  SHRIKE_TRY(options.session, session_options(a.model));
  options.n_threads = a.model.threads > 0 ? a.model.threads : std::min(n_cpus(), limits::kThreadsMax);
  SHRIKE_TRY_VOID(make_fitting_streams(a, options));
  return options;
}

}  // namespace shrike::cli
