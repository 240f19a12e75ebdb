#include "platform/kernels/lanes_neon.hpp"
#include "platform/kernels/turned_simd.hpp"

namespace shrike {
namespace {

struct TurnedNeon : LanesNeon {
  static Vec add(Vec a, Vec b) noexcept { return vaddq_f32(a, b); }
  static Vec sub(Vec a, Vec b) noexcept { return vsubq_f32(a, b); }

  static Vec size(Vec v) noexcept { return vabsq_f32(v); }

  // Numbers of sizes become the places of a size's four bytes in a table of all.
  static Vec look_up(uint32x4_t number) noexcept {
    const uint8x16x2_t table = {
        {vreinterpretq_u8_f32(vld1q_f32(kSize)), vreinterpretq_u8_f32(vld1q_f32(kSize + 4))}};
    const uint32x4_t bytes = vmlaq_n_u32(vdupq_n_u32(0x03020100u), number, 0x04040404u);
    return vreinterpretq_f32_u8(vqtbl2q_u8(table, vreinterpretq_u8_u32(bytes)));
  }
  static void levels(const std::byte* group, Vec (&part)[2]) noexcept {
    std::uint32_t codes;
    std::memcpy(&codes, group, sizeof(codes));
    constexpr std::int32_t kDown[8] = {0, -4, -8, -12, -16, -20, -24, -28};
    for (int s = 0; s < 2; ++s) {
      const uint32x4_t each = vshlq_u32(vdupq_n_u32(codes), vld1q_s32(kDown + 4 * s));
      const uint32x4_t signs = vandq_u32(vshlq_n_u32(each, 28), vdupq_n_u32(0x80000000u));
      const uint32x4_t sizes = vreinterpretq_u32_f32(look_up(vandq_u32(each, vdupq_n_u32(kSizes - 1))));
      part[s] = vreinterpretq_f32_u32(veorq_u32(sizes, signs));
    }
  }

  // The codes of eight numbers, and the size that each means.
  static std::uint32_t codes(const float* x, const float (&bounds)[kBounds], Vec (&means)[2]) noexcept {
    constexpr std::int32_t kUp[8] = {0, 4, 8, 12, 16, 20, 24, 28};
    uint32x4_t placed = vdupq_n_u32(0);
    for (int s = 0; s < 2; ++s) {
      const float32x4_t v = vld1q_f32(x + 4 * s), of = size(v);
      uint32x4_t code = vdupq_n_u32(0);
      for (const float bound : bounds) code = vsubq_u32(code, vcgtq_f32(of, vdupq_n_f32(bound)));
      means[s] = look_up(code);
      code = vorrq_u32(code, vandq_u32(vcltzq_f32(v), vdupq_n_u32(kNegative)));
      placed = vorrq_u32(placed, vshlq_u32(code, vld1q_s32(kUp + 4 * s)));
    }
    return vaddvq_u32(placed);  // no bit twice
  }

  // Neighbours and pairs. The product with one is exact, so it is the sum and the difference.
  static Vec turn_within(Vec v) noexcept {
    constexpr float kNeighbours[4] = {1, -1, 1, -1}, kPairs[4] = {1, 1, -1, -1};
    v = fma(v, vld1q_f32(kNeighbours), vrev64q_f32(v));
    return fma(v, vld1q_f32(kPairs), vextq_f32(v, v, 2));
  }
};

}  // namespace

void install_turned_neon(Kernels& k) noexcept { install_turned<TurnedNeon>(k); }

}  // namespace shrike
