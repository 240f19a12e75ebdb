// `shrike bench`, as short as it can be made: what it prints, and what it says to wrong arguments.
#include "tests/apps/cli_test.hpp"
#include "tests/support/machine.hpp"

namespace shrike::test {
namespace {

using ::testing::HasSubstr;

class BenchVerb : public CliTest {
 protected:
  static Words shortest(const Words& more) {
    Words words = {
        "bench",         "--threads", "1",        "--prefill",          "32", "--context", "0,64",
        "--repetitions", "1",         "--frames", kEmulated ? "0" : "1"};  // hundreds, to fill a memory
    words.insert(words.end(), more.begin(), more.end());
    return words;
  }
};

TEST_F(BenchVerb, json_has_limits_stages_shares_and_the_parts_of_a_frame) {
  const Finished f = run_shrike(shortest({"--json", "--no-kernels"}));
  ASSERT_EQ(f.code, 0) << f.err;
  const std::vector<Json> lines = json_lines(f.out);
  ASSERT_EQ(lines.size(), 1u);
  const Json& bench = lines.front();
  ASSERT_EQ(bench["limits"].size(), 1u);
  for (const char* limit : {"bytes_per_s", "flop_per_s", "int8_ops_per_s"})
    EXPECT_GT(bench["limits"][0][limit].get<double>(), 1e6) << limit;
  ASSERT_EQ(bench["stages"].size(), 4u);  // a tile, a prompt, two contexts
  for (const Json& stage : bench["stages"]) {
    EXPECT_GT(stage["ms"].get<double>(), 0.0);
    EXPECT_GT(stage["limit_ms"].get<double>(), 0.0);
    EXPECT_NEAR(stage["share"].get<double>(), stage["limit_ms"].get<double>() / stage["ms"].get<double>(),
                1e-9);
  }
  EXPECT_GT(bench["memory_bytes"].get<std::int64_t>(), 1 << 20);
  if (kEmulated) return;
  for (const char* part : {"preprocess", "encode", "make room", "prefill", "answer, a token"})
    EXPECT_GT(bench["frame"]["ms"][part].get<double>(), 0.0) << part;
}

TEST_F(BenchVerb, a_table_for_people) {
  const Finished f = run_shrike(shortest({"--no-kernels"}));
  ASSERT_EQ(f.code, 0) << f.err;
  for (const char* text :
       {"encode one tile", "prefill 32", "decode at 0", "decode at 64", "share", "temperature"})
    EXPECT_THAT(f.out, HasSubstr(text));
}

TEST_F(BenchVerb, wrong_arguments_are_refused_on_one_line) {
  for (const Words& words :
       {Words{"--threads", "0"}, Words{"--context", "-1"}, Words{"--prefill", "1"}, Words{"--isa", "abacus"},
        Words{"--repetitions", "0"}, Words{"--picture", "/nowhere/at/all.png"}}) {
    const Finished f = run_shrike(shortest(words));
    EXPECT_NE(f.code, 0) << words.front();
    EXPECT_EQ(std::count(f.err.begin(), f.err.end(), '\n'), 1) << f.err;
  }
}

}  // namespace
}  // namespace shrike::test
