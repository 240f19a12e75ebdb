// What `shrike eval` is made of: budgets, statistics, the report and what is written of it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <set>
#include <string>

#include "apps/shrike/csv.hpp"
#include "apps/shrike/eval_budgets.hpp"
#include "apps/shrike/eval_files.hpp"
#include "apps/shrike/eval_pictures.hpp"
#include "apps/shrike/eval_report.hpp"
#include "apps/shrike/eval_setup.hpp"
#include "apps/shrike/meter.hpp"
#include "apps/shrike/statistics.hpp"

namespace shrike::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// --- budgets -----------------------------------------------------------------------------------------------

TEST(EvalBudgets, are_percent_or_sizes) {
  const auto budgets = parse_budgets("50,12.5%,512KiB,2MiB");
  ASSERT_TRUE(budgets);
  ASSERT_EQ(budgets->size(), 4u);
  const std::int64_t full = 1'000'001;
  EXPECT_EQ((*budgets)[0].text, "50%");
  EXPECT_EQ((*budgets)[0].of(full), 500'000) << "rounded down, never above the share";
  EXPECT_EQ((*budgets)[1].text, "12.5%");
  EXPECT_EQ((*budgets)[1].of(full), 125'000);
  EXPECT_EQ((*budgets)[2].text, "512KiB");
  EXPECT_EQ((*budgets)[2].of(full), 512 * 1024);
  EXPECT_EQ((*budgets)[3].of(full), 2 << 20);
}

TEST(EvalBudgets, that_are_none_are_refused_by_name) {
  for (const char* list : {"", ",", "50,", "0", "-5", "101", "1e2", "x", "5 %", "50,50%", "1MiB,1024KiB"}) {
    const auto budgets = parse_budgets(list);
    ASSERT_FALSE(budgets) << list;
    EXPECT_EQ(budgets.error().code, Code::usage);
    EXPECT_THAT(budgets.error().subject, HasSubstr("--budgets"));
  }
}

TEST(EvalBudgets, smallest_percent_is_enough_and_no_tenth_too_much) {
  for (const std::int64_t full : {1000, 12345, 1932288})
    for (std::int64_t bytes = 1; bytes <= full; bytes += 1 + full / 97) {
      const double percent = smallest_percent(bytes, full);
      EXPECT_GE(percent * static_cast<double>(full), 100.0 * static_cast<double>(bytes) - 1e-6);
      EXPECT_LT((percent - 0.11) * static_cast<double>(full), 100.0 * static_cast<double>(bytes));
    }
  EXPECT_EQ(smallest_percent(5, 0), 0);
}

TEST(EvalBudgets, lists_are_split_at_their_marks) {
  EXPECT_THAT(split_at("a,b", ','), ElementsAre("a", "b"));
  EXPECT_THAT(split_at("a,b", ';'), ElementsAre("a,b"));
  EXPECT_THAT(split_at(",a,", ','), ElementsAre("", "a", ""));
}

// --- statistics --------------------------------------------------------------------------------------------

TEST(Statistics, wilson_interval_is_that_of_the_books) {
  const Interval most = wilson_interval(8, 10);
  EXPECT_NEAR(most.low, 0.4901625, 1e-6);
  EXPECT_NEAR(most.high, 0.9433178, 1e-6);
  const Interval none = wilson_interval(0, 10), all = wilson_interval(10, 10);
  EXPECT_EQ(none.low, 0);
  EXPECT_NEAR(none.high, 0.2775328, 1e-6);
  EXPECT_NEAR(all.low, 1 - none.high, 1e-12);
  EXPECT_EQ(all.high, 1);
  EXPECT_EQ(wilson_interval(0, 0).low, 0);
  EXPECT_EQ(wilson_interval(0, 0).high, 1);
}

TEST(Statistics, mcnemar_counts_coins) {
  EXPECT_EQ(mcnemar_p(0, 0), 1);
  EXPECT_EQ(mcnemar_p(5, 5), 1);
  EXPECT_DOUBLE_EQ(mcnemar_p(0, 6), 2.0 / 64);
  EXPECT_DOUBLE_EQ(mcnemar_p(1, 9), 2.0 * (1 + 10) / 1024);
  EXPECT_DOUBLE_EQ(mcnemar_p(9, 1), mcnemar_p(1, 9));
  EXPECT_NEAR(mcnemar_p(900, 1100), 8.6e-6, 5e-7) << "more coins than a double has exponents";
}

TEST(Statistics, median_is_the_upper_one) {
  EXPECT_EQ(median({}), 0);
  EXPECT_EQ(median({3, 1, 2}), 2);
  EXPECT_EQ(median({4, 1, 3, 2}), 3);
}

// --- questions ---------------------------------------------------------------------------------------------

TEST(EvalQuestions, ages_have_classes) {
  const struct {
    int age;
    const char* word;
  } rows[] = {{-1, "needs none"}, {0, "in view"}, {1, "1-4"},    {4, "1-4"},      {5, "5-8"},
              {16, "9-16"},       {17, "17-32"},  {64, "33-64"}, {65, "over 64"}, {99999, "over 64"}};
  for (const auto& row : rows) EXPECT_STREQ(age_word(age_class(row.age)), row.word) << row.age;
}

TEST(EvalQuestions, answers_are_right_to_the_letter_but_for_space_around) {
  EXPECT_TRUE(is_right(" a red circle\n", "a red circle"));
  EXPECT_FALSE(is_right("a red circle.", "a red circle"));
  EXPECT_FALSE(is_right("A red circle", "a red circle"));
  EXPECT_FALSE(is_right("", "nothing"));
}

TEST(EvalQuestions, streams_are_the_same_whenever_they_are_made) {
  synthetic::WorldOptions world;
  world.seed = 7;
  const auto two = make_streams(world, 2, 5), three = make_streams(world, 3, 5);
  ASSERT_EQ(three.size(), 3u);
  std::set<std::string> texts;
  for (std::size_t s = 0; s < 2; ++s) {
    EXPECT_EQ(three[s].world.seed, 7 + s);
    ASSERT_EQ(two[s].questions.size(), 5u);
    for (std::size_t q = 0; q < 5; ++q) {
      EXPECT_EQ(two[s].questions[q].text, three[s].questions[q].text);
      EXPECT_EQ(two[s].questions[q].cut, world.n_frames - 1) << "asked when all is over";
      texts.insert(two[s].questions[q].text + two[s].questions[q].answer);
    }
  }
  EXPECT_GT(texts.size(), 5u);
}

// --- the report --------------------------------------------------------------------------------------------

// Two streams of four questions under `full`, `good` and `small`; good forgets the second question of each, small has
// room for nothing in the second stream.
class Report : public ::testing::Test {
 protected:
  Report() {
    synthetic::WorldOptions world;
    options_.streams = make_streams(world, 2, 4);
    options_.modes = {EvalMode::multi_request};
    const EvalBudget ten{"10%", 10, 0};
    options_.tracks = {{"full", std::nullopt}, {"good", ten}, {"a,small", ten}};
    outcome_.n_layers = 1;
    outcome_.n_kv_heads = 2;
    outcome_.encode_ns = {1'000'000, 2'000'000, 9'000'000};
    for (const std::vector<bool>& right :
         {std::vector<bool>{true, true, false, true}, {true, false, false, true}, {false, false, true, true}})
      outcome_.tracks.push_back({watched(right), watched(right)});
    for (EvalWatched& full : outcome_.tracks[0]) full.kept_bytes = 10'000;
    outcome_.tracks[2][1] = {};
    outcome_.tracks[2][1].too_small_for = 1234;
    outcome_.tracks[2][1].budget_bytes = 1000;
  }

  static EvalWatched watched(const std::vector<bool>& right) {
    EvalWatched w;
    w.done = true;
    w.budget_bytes = 1000;
    w.kept_bytes = 990;
    w.kv_bytes = 1100;
    w.pool_bytes = 1500;
    w.see_ns = {1'000'000, 3'000'000};
    w.live = {10, 20};
    w.asked.resize(1);
    for (const bool r : right) w.asked[0].answers.push_back({r ? "yes" : "no", r, 500'000});
    return w;
  }

  const EvalCell& cell(const EvalReport& report, std::size_t i) { return report.cells.at(i); }

  EvalOptions options_;
  EvalOutcome outcome_;
};

TEST_F(Report, counts_answers_and_compares_each_with_that_of_full) {
  const EvalReport report = make_report(options_, outcome_);
  ASSERT_EQ(report.cells.size(), 3u);
  EXPECT_EQ(report.n_streams, 2);
  EXPECT_EQ(report.n_questions, 8);
  EXPECT_EQ(report.encode_ms, 2);
  const EvalCell& full = report.cells[0];
  const EvalCell& good = report.cells[1];
  EXPECT_TRUE(full.is_full);
  EXPECT_EQ(full.budget, "100%");
  EXPECT_EQ(full.all.cell.share(), 0.75);
  EXPECT_EQ(full.all.full.share(), 0.75);
  EXPECT_EQ(full.p_equal, 1);
  EXPECT_EQ(good.all.cell.n, 8);
  EXPECT_EQ(good.all.cell.share(), 0.5);
  EXPECT_EQ(good.all.full.share(), 0.75);
  EXPECT_EQ(good.n_only_full, 2);
  EXPECT_EQ(good.n_only_cell, 0);
  EXPECT_EQ(good.p_equal, 0.5);
  EXPECT_EQ(good.budget_bytes, 1000);
  EXPECT_EQ(good.kept_bytes, 990);
  EXPECT_EQ(good.kv_bytes, 1100);
  EXPECT_EQ(good.pool_bytes, 1500);
  EXPECT_EQ(good.full_kv_bytes, 10'000);
  EXPECT_EQ(good.frame_ms, 2);
  EXPECT_EQ(good.token_ms, 0.5);
  EXPECT_THAT(good.live, ElementsAre(10, 20));
}

TEST_F(Report, groups_add_up_to_all) {
  const EvalReport report = make_report(options_, outcome_);
  for (const EvalCell& cell : report.cells) {
    std::int64_t by_kind = 0, by_age = 0, right = 0;
    for (const EvalGroup& group : cell.kinds) {
      by_kind += group.cell.n;
      right += group.cell.n_right;
    }
    for (const EvalGroup& group : cell.ages) by_age += group.cell.n;
    EXPECT_EQ(by_kind, cell.all.cell.n);
    EXPECT_EQ(by_age, cell.all.cell.n);
    EXPECT_EQ(right, cell.all.cell.n_right);
    EXPECT_LE(cell.old.cell.n, cell.all.cell.n);
  }
}

TEST_F(Report, what_had_no_room_is_told_and_compared_only_where_it_had) {
  const EvalReport report = make_report(options_, outcome_);
  const EvalCell& small = report.cells[2];
  EXPECT_EQ(small.n_streams, 1);
  EXPECT_EQ(small.too_small_for, 1234);
  EXPECT_EQ(small.needed_percent, 12.4);
  EXPECT_EQ(small.all.cell.n, 4);
  EXPECT_EQ(small.all.full.n, 4);
  EXPECT_EQ(small.n_only_cell, 1);
  EXPECT_EQ(small.n_only_full, 2);
}

TEST_F(Report, of_an_interrupted_run_leaves_out_what_was_not_reached) {
  outcome_.interrupted = true;
  outcome_.tracks[0][1] = {};
  outcome_.tracks[1][1] = {};
  outcome_.tracks[2] = {EvalWatched{}, EvalWatched{}};
  const EvalReport report = make_report(options_, outcome_);
  EXPECT_TRUE(report.interrupted);
  EXPECT_EQ(report.n_streams, 1);
  ASSERT_EQ(report.cells.size(), 2u);
  EXPECT_EQ(cell(report, 1).all.cell.n, 4);
  outcome_.tracks = {{{}, {}}, {{}, {}}, {{}, {}}};
  const EvalReport nothing = make_report(options_, outcome_);
  EXPECT_TRUE(nothing.cells.empty());
  EXPECT_TRUE(draw_report(nothing).empty());
  EXPECT_EQ(report_json(nothing)["cells"].size(), 0u);
}

TEST_F(Report, is_written_as_lines_of_equal_length_and_as_objects) {
  const EvalReport report = make_report(options_, outcome_);
  const std::string csv = report_csv(report);
  EXPECT_THAT(csv, HasSubstr("full,100%,multi-request,all,all,8,6,0.75,"));
  EXPECT_THAT(csv, HasSubstr("\"a,small\",10%,"));
  const Json json = report_json(report);
  ASSERT_EQ(json["cells"].size(), 3u);
  const Json& good = json["cells"][1];
  EXPECT_EQ(good["accuracy"], 0.5);
  EXPECT_EQ(good["all"]["right"], 4);
  EXPECT_NEAR(good["all"]["low"].get<double>(), wilson_interval(4, 8).low, 1e-12);
  EXPECT_EQ(good["kinds"].size(), static_cast<std::size_t>(synthetic::kKinds));
  EXPECT_EQ(good["live"].dump(), "[[10.0,20.0]]");
}

TEST_F(Report, has_a_picture_of_all_and_two_of_each_budget) {
  std::set<std::string> names;
  for (const EvalPicture& picture : draw_report(make_report(options_, outcome_))) {
    names.insert(picture.name);
    EXPECT_GT(picture.png.size(), 1000u);
  }
  EXPECT_THAT(names, ElementsAre("accuracy.png", "age-10.png", "slots-10.png"));
}

TEST(Csv, fields_are_quoted_where_they_must) {
  EXPECT_EQ(csv_field("a red circle"), "a red circle");
  EXPECT_EQ(csv_field("a,b"), "\"a,b\"");
  EXPECT_EQ(csv_field("say \"a\""), "\"say \"\"a\"\"\"");
  EXPECT_EQ(csv_field(""), "");
}

// --- progress ----------------------------------------------------------------------------------------------

TEST(Meter, tells_share_and_what_is_left) {
  EXPECT_EQ(meter_text(0, 10), "[" + std::string(40, '.') + "]   0 %");
  EXPECT_EQ(meter_text(0.5, 80), "[" + std::string(20, '#') + std::string(20, '.') + "]  50 %, 1:20 left");
  EXPECT_EQ(meter_text(0.25, 3600),
            "[" + std::string(10, '#') + std::string(30, '.') + "]  25 %, 3 h 00 min left");
  EXPECT_EQ(meter_text(1, 5), "[" + std::string(40, '#') + "] 100 %, 0:00 left");
  EXPECT_EQ(meter_text(0.5, 0.1), "[" + std::string(20, '#') + std::string(20, '.') + "]  50 %")
      << "too early to say";
  EXPECT_EQ(meter_text(7, 5).substr(0, 3), "[##");
}

}  // namespace
}  // namespace shrike::cli
