#include "platform/cpu.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <set>

#include "platform/kernels/kernels.hpp"

namespace shrike {
namespace {

// Sets SHRIKE_ISA for one test and puts back what was there.
class ChooseIsaTest : public ::testing::Test {
 protected:
  ChooseIsaTest() {
    if (const char* before = std::getenv("SHRIKE_ISA")) before_ = before;
    unsetenv("SHRIKE_ISA");
  }
  ~ChooseIsaTest() override {
    if (before_.empty())
      unsetenv("SHRIKE_ISA");
    else
      setenv("SHRIKE_ISA", before_.c_str(), 1);
  }

 private:
  std::string before_;
};

TEST_F(ChooseIsaTest, takes_the_best_when_nothing_is_said) {
  EXPECT_EQ(choose_isa(), runnable_isas().front());
  setenv("SHRIKE_ISA", "", 1);
  EXPECT_EQ(choose_isa(), runnable_isas().front());
}

TEST_F(ChooseIsaTest, takes_each_runnable_set_by_name) {
  for (const Isa isa : runnable_isas()) {
    setenv("SHRIKE_ISA", isa_name(isa), 1);
    EXPECT_EQ(choose_isa(), isa);
  }
}

TEST_F(ChooseIsaTest, is_empty_for_what_cannot_run_here) {
  for (const char* name : {"AVX2", "avx", "avx2 ", "sve", "0", "?"}) {
    setenv("SHRIKE_ISA", name, 1);
    EXPECT_EQ(choose_isa(), std::nullopt) << name;
  }
  const std::set<Isa> runnable(runnable_isas().begin(), runnable_isas().end());
  for (const Isa isa : {Isa::avx2, Isa::avx512, Isa::neon, Isa::neon_dotprod, Isa::neon_i8mm}) {
    if (runnable.count(isa) != 0) continue;
    setenv("SHRIKE_ISA", isa_name(isa), 1);
    EXPECT_EQ(choose_isa(), std::nullopt) << isa_name(isa);
  }
}

TEST(IsaTest, names_lead_back) {
  for (const Isa isa : {Isa::scalar, Isa::avx2, Isa::avx512, Isa::neon, Isa::neon_dotprod, Isa::neon_i8mm})
    EXPECT_EQ(isa_from_name(isa_name(isa)), isa);
  EXPECT_EQ(isa_from_name(""), std::nullopt);
  EXPECT_EQ(isa_from_name("scala"), std::nullopt);
}

TEST(IsaTest, runnable_sets_are_those_of_the_processor_and_scalar_is_last) {
  const auto isas = runnable_isas();
  EXPECT_EQ(isas.back(), Isa::scalar);
  EXPECT_EQ(std::set<Isa>(isas.begin(), isas.end()).size(), isas.size());
  const CpuFeatures cpu = detect_cpu();
  for (const Isa isa : isas) {
    EXPECT_TRUE(isa != Isa::avx2 || cpu.avx2);
    EXPECT_TRUE(isa != Isa::neon || cpu.neon);
    EXPECT_TRUE(isa != Isa::neon_dotprod || cpu.neon_dotprod);
    EXPECT_TRUE(isa != Isa::neon_i8mm || (cpu.neon_dotprod && cpu.neon_i8mm));
    EXPECT_EQ(kernels_for(isa).isa, isa);
  }
}

TEST(CpuTest, says_something_of_the_machine) {
  EXPECT_GE(n_cpus(), 1);
  EXPECT_FALSE(cpu_name().empty());
  const CpuFeatures cpu = detect_cpu();
  EXPECT_FALSE(cpu.avx2 && cpu.neon);
  EXPECT_TRUE(cpu.avx2 || !cpu.avx512);
  EXPECT_TRUE(cpu.neon || !(cpu.neon_dotprod || cpu.neon_fp16 || cpu.neon_i8mm));
#if defined(__aarch64__)
  EXPECT_TRUE(cpu.neon);
#endif
}

}  // namespace
}  // namespace shrike
