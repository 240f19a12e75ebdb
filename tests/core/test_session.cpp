#include "core/session.hpp"

#include <gtest/gtest.h>

#include <cctype>
#include <cstring>
#include <vector>

#include "tests/support/isas.hpp"
#include "tests/support/perch.hpp"
#include "tests/support/tiny_session.hpp"

namespace shrike {
namespace {

using test::answer;
using test::paint;
using test::tiny_options;

std::unique_ptr<Session> open(const SessionOptions& options) {
  Result<std::unique_ptr<Session>> session = Session::open(options);
  EXPECT_TRUE(session) << (session ? "" : session.error().rule);
  return session ? std::move(session).value() : nullptr;
}

void watch(Session& session, int first, int n) {
  for (int i = first; i < first + n; ++i) {
    paint(session.image_input(), i);
    session.see(2.0 * i);
  }
}

// Room for a few frames: a short stream fills it.
std::size_t small_budget(const SessionOptions& options = tiny_options()) {
  return Session::plan(options).value().kv_budget_min_bytes * 3 / 2;
}

// Everything that the memory holds and where: equal bytes mean equal answers for ever.
std::vector<std::uint8_t> memory_bytes(const Session& session) {
  const kv::Memory& memory = session.runtime().memory();
  std::vector<std::uint8_t> bytes;
  const auto add = [&](const void* data, std::size_t n) {
    const auto* from = static_cast<const std::uint8_t*>(data);
    bytes.insert(bytes.end(), from, from + n);
  };
  const int position = memory.next_position();
  const int n_free = memory.pool().n_free();
  add(&position, sizeof(position));
  add(&n_free, sizeof(n_free));
  const std::size_t row = memory.pool().row_bytes();
  for (int layer = 0; layer < memory.shape().n_layers; ++layer)
    for (int head = 0; head < memory.shape().n_kv_heads; ++head)
      for (const kv::BlockRef& ref : memory.table(layer, head)) {
        add(&ref.base, sizeof(ref.base));
        for (int slot = ref.first; slot < ref.end; ++slot) {
          if (memory.pool().is_page(ref.block)) continue;
          add(memory.pool().key_row(ref.block, slot), row);
          add(memory.pool().value_row(ref.block, slot), row);
          add(&memory.pool().facts(ref.block, slot), sizeof(kv::SlotFacts));
          add(memory.pool().marks(ref.block, slot).data(), memory.pool().marks(ref.block, slot).size_bytes());
        }
      }
  return bytes;
}

TEST(Session, a_head_can_forget_for_a_moment) {
  SessionOptions options = tiny_options();
  options.kv_policy = "full";
  options.rehearses = true;
  const auto session = open(options);
  ASSERT_NE(session, nullptr);
  watch(*session, 0, 4);
  constexpr const char* kQuestion = "What is in view now?";
  const std::vector<std::uint8_t> before = memory_bytes(*session);
  std::vector<TokenId> own(8);
  int n_own = 0;
  const double surprise = session->surprise(kQuestion, own, n_own);
  ASSERT_GT(n_own, 0);
  EXPECT_GE(surprise, 0);
  for (const kv::Modality modality : {kv::Modality::text, kv::Modality::image}) {
    session->hide(0, 0, modality, true);
    EXPECT_NE(session->surprise(kQuestion, own, n_own), surprise) << "something else was looked at";
    session->hide(0, 0, modality, false);
    EXPECT_EQ(session->surprise(kQuestion, own, n_own), surprise);
  }
  EXPECT_EQ(memory_bytes(*session), before);
  std::vector<TokenId> other = own;
  other[0] = own[0] == 0 ? 1 : 0;
  int n_other = 1;
  EXPECT_GT(session->surprise(kQuestion, other, n_other), 0) << "an answer that is not its own";
  EXPECT_LT(session->surprise(std::string(5000, 'x'), own, n_own), 0) << "too long";
}

TEST(Session, a_head_profile_is_of_its_model_or_refused) {
  SessionOptions options = tiny_options();
  options.head_profile = std::string(SHRIKE_SOURCE_DIR) + "/models/perch/perch-f16.heads";
  EXPECT_EQ(Session::open(options).error().code, Code::unsupported);
  options.head_profile = "/nowhere.heads";
  EXPECT_EQ(Session::open(options).error().code, Code::missing);
  options.head_profile = "none";
  EXPECT_TRUE(Session::open(options));
}

TEST(Session, plan_equals_use_section_by_section) {
  for (const DType type : {DType::f16, DType::q8_0}) {
    SessionOptions options = tiny_options(type);
    options.guests = {{"frames", 1000, true, ""}, {"camera ring", 5000, false, ""}};
    const auto session = open(options);
    ASSERT_NE(session, nullptr);
    const Plan& plan = session->plan();
    for (const Arena::Section& section : session->runtime().arena().sections()) {
      EXPECT_EQ(section.used, section.size) << section.name;
      if (section.size == 0) continue;
      const auto row = std::find_if(plan.rows.begin(), plan.rows.end(),
                                    [&](const PlanRow& r) { return r.name == section.name; });
      ASSERT_NE(row, plan.rows.end()) << section.name;
      EXPECT_EQ(row->bytes, section.size) << section.name;
    }
    EXPECT_EQ(plan.arena_bytes(), session->runtime().arena().bytes());
    EXPECT_NE(session->guest_memory("frames"), nullptr);
    EXPECT_EQ(session->guest_memory("camera ring"), nullptr);
    const Plan before = Session::plan(options).value();
    EXPECT_EQ(before.total_bytes(), plan.total_bytes()) << "the plan shown is the plan taken";
  }
}

TEST(Session, the_smallest_budget_named_works_and_one_byte_less_is_refused) {
  SessionOptions options = tiny_options();
  options.kv_budget_bytes = 1000;
  const Result<std::unique_ptr<Session>> refused = Session::open(options);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::does_not_fit);
  EXPECT_EQ(refused.error().subject, "--kv-budget");
  const std::int64_t smallest = refused.error().allowed;
  EXPECT_EQ(Session::plan(options).value().kv_budget_min_bytes, static_cast<std::size_t>(smallest));

  options.kv_budget_bytes = static_cast<std::size_t>(smallest) - 1;
  EXPECT_FALSE(Session::open(options));
  options.kv_budget_bytes = static_cast<std::size_t>(smallest);
  const auto session = open(options);
  ASSERT_NE(session, nullptr);
  for (int i = 0; i < 12; ++i) {
    paint(session->image_input(), i);
    ASSERT_NE(session->see(2.0 * i).status, See::memory_full);
    EXPECT_FALSE(answer(*session, "What is in view now?").empty());
  }
  EXPECT_GE(session->stats().frames_held, 1);
}

TEST(Session, a_memory_cap_below_the_plan_is_refused_and_the_plan_itself_fits) {
  SessionOptions options = tiny_options();
  const std::size_t total = Session::plan(options).value().total_bytes();
  options.memory_max_bytes = total - 1;
  const Result<std::unique_ptr<Session>> refused = Session::open(options);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::does_not_fit);
  EXPECT_EQ(refused.error().subject, "--memory");
  options.memory_max_bytes = total;
  EXPECT_NE(open(options), nullptr);
}

TEST(Session, impossible_options_are_refused_by_name) {
  const auto code_of = [](auto change) {
    SessionOptions options = tiny_options();
    change(options);
    const Result<std::unique_ptr<Session>> session = Session::open(options);
    return session ? std::string("opened") : session.error().subject;
  };
  EXPECT_EQ(code_of([](SessionOptions& o) { o.n_threads = -1; }), "--threads");
  EXPECT_EQ(code_of([](SessionOptions& o) { o.n_threads = 1000; }), "--threads");
  EXPECT_EQ(code_of([](SessionOptions& o) { o.question_tokens_max = 0; }), "--question-tokens");
  EXPECT_EQ(code_of([](SessionOptions& o) { o.context_max = 50; }), "--ctx-size");
  EXPECT_EQ(code_of([](SessionOptions& o) { o.kv_policy = "magic"; }), "magic");
  EXPECT_EQ(code_of([](SessionOptions& o) { o.isa = "sse9"; }), "sse9");
  EXPECT_EQ(code_of([](SessionOptions& o) { o.mmproj_path.clear(); }), "--mmproj");
  EXPECT_NE(code_of([](SessionOptions& o) { o.mmproj_path = o.model_path; }), "opened");
  EXPECT_NE(code_of([](SessionOptions& o) { o.model_path = o.mmproj_path; }), "opened");
}

TEST(Session, ask_leaves_memory_as_it_was) {
  SessionOptions options = tiny_options();
  options.kv_budget_bytes = small_budget();
  const auto session = open(options);
  ASSERT_NE(session, nullptr);
  for (int round = 0; round < 3; ++round) {
    watch(*session, 20 * round, 20);  // the last rounds are beyond the budget
    const auto before = memory_bytes(*session);
    const std::string first = answer(*session, "What is in view now?");
    EXPECT_EQ(memory_bytes(*session), before);
    answer(*session, "How many red things did you see?");
    EXPECT_EQ(answer(*session, "What is in view now?"), first) << "asking twice is asking the same";
    EXPECT_EQ(memory_bytes(*session), before);
  }
  EXPECT_GT(session->stats().n_tokens_evicted, 0);
}

TEST(Session, asking_between_frames_changes_no_later_answer) {
  const auto run = [](bool ask_often) {
    const auto session = open(tiny_options());
    for (int i = 0; i < 24; ++i) {
      watch(*session, i, 1);
      if (ask_often) answer(*session, "Have you seen a red square?");
    }
    return memory_bytes(*session);
  };
  EXPECT_EQ(run(true), run(false));
}

// Every policy that has a name, and one that is asked for by a standing question.
std::vector<std::string> policies_that_evict() {
  std::vector<std::string> policies = {"snapkv, observe=question"};
  for (const kv::PolicyRow& row : kv::named_policies())
    if (row.name != "full") policies.emplace_back(row.name);
  return policies;
}
class SessionPolicy : public ::testing::TestWithParam<std::string> {};
INSTANTIATE_TEST_SUITE_P(Session, SessionPolicy, ::testing::ValuesIn(policies_that_evict()),
                         [](const auto& row) {
                           std::string name = row.param;
                           for (char& c : name) c = std::isalnum(static_cast<unsigned char>(c)) ? c : '_';
                           return name;
                         });

TEST_P(SessionPolicy, streams_within_its_budget_and_no_answer_disturbs_it) {
  const auto run = [&](bool ask_often) {
    SessionOptions options = tiny_options();
    options.kv_policy = GetParam();
    options.standing_question = "Have you seen a red square?";
    // What is beside pages is most of the smallest budget, and half as much again would hold all frames.
    const std::size_t least = Session::plan(options).value().kv_budget_min_bytes;
    options.kv_budget_bytes = kv::parse_policy(GetParam())->codec->page != nullptr ? least : least * 3 / 2;
    const auto session = open(options);
    for (int i = 0; i < 24; ++i) {
      paint(session->image_input(), i);
      EXPECT_NE(session->see(2.0 * i).status, See::memory_full) << i;
      if (!ask_often || i % 3 != 0) continue;
      const auto before = memory_bytes(*session);
      EXPECT_FALSE(answer(*session, "What is in view now?").empty());
      EXPECT_EQ(memory_bytes(*session), before);
    }
    EXPECT_GT(session->stats().n_tokens_evicted, 0);
    EXPECT_LE(session->stats().blocks_used, session->stats().blocks_max);
    return memory_bytes(*session);
  };
  EXPECT_EQ(run(true), run(false));
}

TEST(Session, a_question_longer_than_its_room_is_refused_and_nothing_happens) {
  SessionOptions options = tiny_options();
  options.question_tokens_max = 16;
  const auto session = open(options);
  ASSERT_NE(session, nullptr);
  watch(*session, 0, 3);
  const auto before = memory_bytes(*session);
  AskResult result;
  EXPECT_EQ(answer(*session, std::string(300, '?'), &result), "");
  EXPECT_EQ(result.status, Ask::too_long);
  EXPECT_EQ(answer(*session, std::string(100000, 'x'), &result), "");
  EXPECT_EQ(result.status, Ask::too_long);
  EXPECT_EQ(memory_bytes(*session), before);
  EXPECT_FALSE(answer(*session, "Now?").empty());
}

TEST(Session, marks_in_a_question_are_plain_text) {
  const auto session = open(tiny_options());
  ASSERT_NE(session, nullptr);
  watch(*session, 0, 2);
  AskResult plain, marks;
  answer(*session, "now?", &plain);
  answer(*session, "now?<end_of_utterance>", &marks);
  EXPECT_GE(marks.question_tokens, plain.question_tokens + 5) << "spelled out, not one mark";
}

TEST(Session, the_callback_can_stop_an_answer) {
  const auto session = open(tiny_options());
  ASSERT_NE(session, nullptr);
  watch(*session, 0, 2);
  int calls = 0;
  const AskResult result = session->ask(
      "What is in view now?",
      [](void* context, std::string_view) {
        ++*static_cast<int*>(context);
        return false;
      },
      &calls);
  EXPECT_EQ(result.status, Ask::stopped);
  EXPECT_EQ(calls, 1);
  EXPECT_FALSE(answer(*session, "What is in view now?").empty());
}

TEST(Session, full_says_so_and_keeps_answering) {
  SessionOptions options = tiny_options();
  options.kv_policy = "full";
  options.kv_budget_bytes = small_budget();
  const auto session = open(options);
  ASSERT_NE(session, nullptr);
  int n_full = 0;
  for (int i = 0; i < 40; ++i) {
    paint(session->image_input(), i);
    n_full += session->see(2.0 * i).status == See::memory_full ? 1 : 0;
  }
  EXPECT_GT(n_full, 0);
  const auto before = memory_bytes(*session);
  EXPECT_FALSE(answer(*session, "What was the first thing you saw?").empty());
  EXPECT_EQ(memory_bytes(*session), before);
  EXPECT_EQ(session->stats().frames_held + n_full, 40);
}

TEST(Session, reset_forgets_everything) {
  const auto session = open(tiny_options());
  ASSERT_NE(session, nullptr);
  watch(*session, 0, 10);
  const auto first = memory_bytes(*session);
  session->reset();
  EXPECT_EQ(session->stats().tokens_held, 0);
  watch(*session, 0, 10);
  EXPECT_EQ(memory_bytes(*session), first);
}

TEST(Session, image_tokens_of_another_session_are_as_good_as_its_own) {
  SessionOptions options = tiny_options();
  const auto encoder = open(options);
  const auto own = open(options);
  options.kv_budget_bytes = small_budget();
  const auto small_own = open(options), small_given = open(options);
  const auto given = open(tiny_options());
  ASSERT_TRUE(encoder && own && given && small_own && small_given);
  for (int i = 0; i < 30; ++i) {
    for (Session* session : {encoder.get(), own.get(), small_own.get()}) paint(session->image_input(), i);
    const std::span<const float> tokens = encoder->encode();
    for (Session* session : {given.get(), small_given.get()}) {
      const SeeResult seen = session->see(tokens, 2.0 * i);
      EXPECT_EQ(seen.encode_ns, 0);
      EXPECT_GT(seen.tokens, 0);
    }
    own->see(2.0 * i);
    small_own->see(2.0 * i);
  }
  EXPECT_EQ(memory_bytes(*given), memory_bytes(*own));
  EXPECT_EQ(memory_bytes(*small_given), memory_bytes(*small_own));
  EXPECT_GT(small_given->stats().n_tokens_evicted, 0);
  EXPECT_EQ(encoder->stats().n_frames_seen, 0) << "encoding is not seeing";
}

AskResult keep_turn(Session& session, std::string_view question, std::string* text = nullptr) {
  std::string said;
  return session.ask(
      question,
      [](void* context, std::string_view piece) {
        static_cast<std::string*>(context)->append(piece);
        return true;
      },
      text != nullptr ? text : &said, Turn::kept);
}

TEST(Session, a_turn_that_is_kept_is_in_the_memory_and_answered_as_one_that_is_not) {
  const auto session = open(tiny_options());
  ASSERT_NE(session, nullptr);
  watch(*session, 0, 5);
  const std::string asked = answer(*session, "What is in view now?");
  const int before = session->stats().tokens_held;
  std::string kept;
  const AskResult result = keep_turn(*session, "What is in view now?", &kept);
  EXPECT_EQ(kept, asked);
  const int ended = result.status == Ask::ok ? 1 : 0;  // the mark that ends an answer comes with what follows
  EXPECT_EQ(session->stats().tokens_held, before + result.question_tokens + result.answer_tokens - ended);
  EXPECT_EQ(session->stats().frames_held, 5) << "a turn is no frame";

  const auto with_one_turn = memory_bytes(*session);
  answer(*session, "And now?");
  EXPECT_EQ(memory_bytes(*session), with_one_turn) << "the next one can still be forgotten";
  keep_turn(*session, "And now?");
  EXPECT_NE(memory_bytes(*session), with_one_turn);
  watch(*session, 5, 1);
  EXPECT_EQ(session->held_frames().back().nth, 5);
  EXPECT_EQ(session->held_frames().back().number, 7) << "turns are events too";
}

TEST(Session, kept_turns_hold_the_budget_and_never_stop_the_next_question) {
  SessionOptions options = tiny_options();
  options.question_tokens_max = 32;
  options.answer_tokens_max = 8;
  options.kv_budget_bytes = Session::plan(options).value().kv_budget_min_bytes * 3 / 2;
  const auto session = open(options);
  ASSERT_NE(session, nullptr);
  watch(*session, 0, 10);
  const int n_frames = session->stats().frames_held;
  for (int i = 0; i < 40; ++i) {
    ASSERT_NE(keep_turn(*session, "What was there before?").status, Ask::memory_full) << i;
    ASSERT_LE(session->stats().blocks_used, session->stats().blocks_max);
    ASSERT_FALSE(answer(*session, "And now?").empty()) << i;
  }
  EXPECT_GT(session->stats().n_tokens_evicted, 0);
  EXPECT_LT(session->stats().frames_held, n_frames) << "turns are the younger ones";
  watch(*session, 10, 20);
  EXPECT_EQ(session->held_frames().back().nth, 29);
}

TEST(Session, full_keeps_turns_as_long_as_there_is_room_and_then_says_so) {
  SessionOptions options = tiny_options();
  options.question_tokens_max = 32;
  options.answer_tokens_max = 8;
  options.kv_policy = "full";
  options.kv_budget_bytes = Session::plan(options).value().kv_budget_min_bytes * 2;
  const auto session = open(options);
  ASSERT_NE(session, nullptr);
  watch(*session, 0, 1);
  int n_kept = 0;
  while (n_kept < 100 && keep_turn(*session, "What was there before?").status != Ask::memory_full) ++n_kept;
  EXPECT_GT(n_kept, 0);
  EXPECT_LT(n_kept, 100);
  const auto before = memory_bytes(*session);
  EXPECT_EQ(keep_turn(*session, "What was there before?").status, Ask::memory_full);
  EXPECT_EQ(memory_bytes(*session), before);
  EXPECT_FALSE(answer(*session, "And now?").empty()) << "the room for asking stays";
}

TEST(Session, a_kept_answer_that_was_stopped_is_remembered_as_far_as_it_was_given) {
  const auto session = open(tiny_options());
  ASSERT_NE(session, nullptr);
  watch(*session, 0, 2);
  const int before = session->stats().tokens_held;
  const AskResult result = session->ask(
      "What is in view now?", [](void*, std::string_view) { return false; }, nullptr, Turn::kept);
  EXPECT_EQ(result.status, Ask::stopped);
  EXPECT_EQ(session->stats().tokens_held, before + result.question_tokens + result.answer_tokens);
}

TEST(Session, held_frames_tell_times_and_gaps) {
  SessionOptions options = tiny_options();
  options.kv_policy = "recent";
  options.kv_budget_bytes = small_budget(options);
  const auto session = open(options);
  ASSERT_NE(session, nullptr);
  EXPECT_TRUE(session->held_frames().empty());
  watch(*session, 0, 30);
  const auto frames = session->held_frames();
  ASSERT_EQ(std::ssize(frames), session->stats().frames_held);
  EXPECT_EQ(frames.front().seconds, session->stats().oldest_frame_seconds);
  for (std::size_t i = 0; i < frames.size(); ++i) {  // the newest ones, each after the other
    EXPECT_EQ(frames[i].nth, 30 - std::ssize(frames) + static_cast<int>(i));
    EXPECT_EQ(frames[i].seconds, 2.0 * frames[i].nth);
  }
}

TEST(Session, same_bits_for_one_two_and_four_threads_on_every_isa) {
  for (const DType type : {DType::f16, DType::q8_0})
    for (const Isa isa : runnable_isas()) {
      std::vector<std::uint8_t> first;
      for (int n_threads : {1, 2, 4}) {
        SessionOptions options = tiny_options(type);
        options.isa = isa_name(isa);
        options.n_threads = n_threads;
        options.kv_budget_bytes = small_budget();
        const auto session = open(options);
        ASSERT_NE(session, nullptr);
        watch(*session, 0, 14);
        const auto bytes = memory_bytes(*session);
        if (first.empty()) first = bytes;
        EXPECT_EQ(bytes, first) << static_cast<int>(type) << " " << isa_name(isa) << " " << n_threads;
      }
    }
}

}  // namespace
}  // namespace shrike
