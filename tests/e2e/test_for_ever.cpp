// A stream without end in memory that does not grow: nothing is allocated, nothing gets larger, and the
// newest frame is seen as well after twenty times the model's context as at the start.
#include <gtest/gtest.h>

#include <algorithm>

#include "camera/preprocess.hpp"
#include "core/session.hpp"
#include "platform/memory.hpp"
#include "tests/support/alloc_guard.hpp"
#include "tests/support/footage.hpp"
#include "tests/support/machine.hpp"
#include "tests/support/perch.hpp"

namespace shrike {
namespace {

using test::perch_options;

constexpr int kFrames = 2000;
constexpr int kContexts = 20;

// Two streams, as a camera of 320 x 320 pixels would bring them, drawn before anything is measured.
struct Pictures {
  static constexpr int kSide = 320;
  std::vector<std::vector<std::uint8_t>> frames;
  std::vector<std::string> in_view;
};
Pictures take_pictures() {
  Pictures pictures;
  for (const char* seed : {"seed=21", "seed=22"}) {
    test::Footage footage(std::string(seed) + ",fps=0.5,frames=32,size=320");
    for (int f = 0; f < footage.n_frames(); ++f) {
      const std::uint8_t* rgb = footage.draw(f);
      pictures.frames.emplace_back(rgb, rgb + Pictures::kSide * Pictures::kSide * 3);
      pictures.in_view.push_back(footage.in_view(f));
    }
  }
  return pictures;
}

struct Camera {
  Session& session;
  Preprocessor preprocess;
  const Pictures& pictures;

  Camera(Session& s, const Pictures& f)
      : session(s),
        preprocess(s.runtime().kernels(), s.guest_memory("preprocess"), Pictures::kSide, Pictures::kSide,
                   s.image_input().side, Filter::lanczos),
        pictures(f) {}
  See show(int n) {
    Frame frame;
    frame.pixels = pictures.frames[static_cast<std::size_t>(n) % pictures.frames.size()].data();
    frame.width = frame.height = Pictures::kSide;
    frame.stride = Pictures::kSide * 3;
    EXPECT_TRUE(preprocess(frame, session.image_input()));
    return session.see(2.0 * n).status;
  }
};

SessionOptions watching(int side) {
  SessionOptions options = perch_options();
  options.guests = {{"preprocess",
                     Preprocessor::bytes_needed(Pictures::kSide, Pictures::kSide, side, Filter::lanczos),
                     true, ""}};
  return options;
}

struct Pieces {
  char text[256];
  std::size_t n = 0;
};
std::string_view ask(Session& session, std::string_view question, Pieces& pieces) {
  pieces.n = 0;
  session.ask(
      question,
      [](void* context, std::string_view piece) {
        auto* p = static_cast<Pieces*>(context);
        const std::size_t n = std::min(piece.size(), sizeof(p->text) - p->n);
        std::copy_n(piece.data(), n, p->text + p->n);
        p->n += n;
        return true;
      },
      &pieces);
  return {pieces.text, pieces.n};
}

TEST(ForEver, two_thousand_frames_with_questions_allocate_nothing_and_stay_as_large_as_planned) {
  if (!test::alloc_guard_works()) GTEST_SKIP() << "the malloc guard is off under sanitizers";
  if (test::kSlow) GTEST_SKIP() << "too few frames to fill the memory could be seen here";
  const Pictures pictures = take_pictures();
  SessionOptions options = watching(64);
  options.n_threads = 2;
  options.kv_budget_bytes = 2u << 20;
  const auto session = Session::open(options).value();
  Camera camera(*session, pictures);
  Pieces pieces;
  camera.show(0);
  ask(*session, "What is in view now?", pieces);
  const ProcessMemory before = process_memory();
  int n_compressed = 0;
  {
    const test::AllocGuard guard;
    for (int n = 1; n <= kFrames; ++n) {
      n_compressed += camera.show(n) == See::compressed ? 1 : 0;
      if (n % 20 == 0)
        ask(*session, n % 40 == 0 ? "What is in view now?" : "What was the first thing you saw?", pieces);
    }
    EXPECT_EQ(guard.made(), 0u);
  }
  const ProcessMemory after = process_memory();
  EXPECT_LE(after.anonymous - before.anonymous, 64 * 1024) << "resident memory must stay flat";
  EXPECT_GT(n_compressed, kFrames / 4);
  EXPECT_EQ(session->stats().n_frames_seen, kFrames + 1);
  EXPECT_LE(session->stats().tokens_held, session->stats().tokens_max);
  // Not the test program itself, with its pictures: what the session took is what its plan announced.
  for (const Arena::Section& section : session->runtime().arena().sections())
    EXPECT_EQ(section.used, section.size) << section.name;
}

TEST(ForEver, after_twenty_contexts_the_newest_frame_is_seen_as_well_as_at_the_start) {
  if (test::kSlow) GTEST_SKIP() << "hundreds of frames, and a question after each, take too long here";
  const Pictures pictures = take_pictures();
  SessionOptions options = watching(64);
  options.n_threads = 2;
  const auto session = Session::open(options).value();
  const int n_context = session->runtime().text_config().n_ctx;
  Camera camera(*session, pictures);
  Pieces pieces;
  const auto score = [&](int first, int n) {
    int right = 0;
    for (int i = first; i < first + n; ++i) {
      camera.show(i);
      const std::string& seen = pictures.in_view[static_cast<std::size_t>(i) % pictures.in_view.size()];
      if (!seen.empty()) right += ask(*session, "What is in view now?", pieces) == seen;
    }
    return right;
  };
  const int n = static_cast<int>(pictures.frames.size());  // both streams
  const int n_asked = static_cast<int>(std::count_if(pictures.in_view.begin(), pictures.in_view.end(),
                                                     [](const std::string& s) { return !s.empty(); }));
  const int at_start = score(0, n);
  int frame = n;
  while (session->stats().n_tokens_evicted + session->stats().tokens_held < kContexts * n_context)
    camera.show(frame++);
  frame += (n - frame % n) % n == 0 ? 0 : n - frame % n;  // begin with the same frame again
  const int at_end = score(frame, n);
  std::printf("in view: %d of %d right at the start, %d after %d positions\n", at_start, n_asked, at_end,
              kContexts * n_context);
  EXPECT_GE(at_start * 10, n_asked * 8);
  EXPECT_GE(at_end * 20, at_start * 19);  // an answer or two go either way with every change of what is kept
  EXPECT_LE(session->runtime().memory().next_position(), n_context);
}

}  // namespace
}  // namespace shrike
