#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "platform/kernels/kernels.hpp"
#include "tests/support/machine.hpp"

namespace shrike::test {

// A kernel test is a TEST_P over every set this machine runs, so none can forget one:
//
//   class Norm : public OnEveryIsa {};
//   SHRIKE_ON_EVERY_ISA(Norm);
//   TEST_P(Norm, rms_norm_equals_scalar) { k.rms_norm(...); scalar.rms_norm(...); }
class OnEveryIsa : public ::testing::TestWithParam<Isa> {
 protected:
  const Kernels k = kernels_for(GetParam());
  const Kernels scalar = kernels_for(Isa::scalar);
};

// For whole models. Under an emulator, many times slower, the scalar set is left out: it is the same C++ there
// as on the machine that builds.
inline std::vector<Isa> isas_for_models() {
  std::vector<Isa> isas;
  for (const Isa isa : runnable_isas())
    if (isa != Isa::scalar || !kEmulated) isas.push_back(isa);
  return isas;
}

inline std::string isa_test_name(const ::testing::TestParamInfo<Isa>& info) { return isa_name(info.param); }

}  // namespace shrike::test

#define SHRIKE_ON_EVERY_ISA(Suite)                                                                         \
  INSTANTIATE_TEST_SUITE_P(                                                                                \
      isa, Suite, ::testing::ValuesIn(::shrike::runnable_isas().begin(), ::shrike::runnable_isas().end()), \
      ::shrike::test::isa_test_name)

#define SHRIKE_MODELS_ON_EVERY_ISA(Suite)                                                      \
  INSTANTIATE_TEST_SUITE_P(isa, Suite, ::testing::ValuesIn(::shrike::test::isas_for_models()), \
                           ::shrike::test::isa_test_name)
