#include "platform/kernels/lanes_neon.hpp"
#include "platform/kernels/turned_simd.hpp"

namespace shrike {
namespace {

struct TurnedNeon : LanesNeon {
  static Vec add(Vec a, Vec b) noexcept { return vaddq_f32(a, b); }
  static Vec sub(Vec a, Vec b) noexcept { return vsubq_f32(a, b); }

  // Codes become the places of a level's four bytes in a table of all.
  static Vec look_up(uint32x4_t code) noexcept {
    const uint8x16x2_t table = {
        {vreinterpretq_u8_f32(vld1q_f32(kLevels)), vreinterpretq_u8_f32(vld1q_f32(kLevels + 4))}};
    const uint32x4_t bytes = vmlaq_n_u32(vdupq_n_u32(0x03020100u), code, 0x04040404u);
    return vreinterpretq_f32_u8(vqtbl2q_u8(table, vreinterpretq_u8_u32(bytes)));
  }
  static void levels(const std::byte* group, Vec (&part)[2]) noexcept {
    std::uint32_t codes;
    std::memcpy(&codes, group, sizeof(codes));
    constexpr std::int32_t kDown[8] = {0, -3, -6, -9, -12, -15, -18, -21};
    for (int s = 0; s < 2; ++s)
      part[s] = look_up(vandq_u32(vshlq_u32(vdupq_n_u32(codes), vld1q_s32(kDown + 4 * s)), vdupq_n_u32(7)));
  }

  // Codes by sizes, and each code's level.
  static std::uint32_t codes(const float* x, const Vec (&between)[3], Vec (&level)[2]) noexcept {
    constexpr std::int32_t kUp[8] = {0, 3, 6, 9, 12, 15, 18, 21};
    uint32x4_t placed = vdupq_n_u32(0);
    for (int s = 0; s < 2; ++s) {
      const float32x4_t v = vld1q_f32(x + 4 * s), size = vabsq_f32(v);
      const uint32x4_t steps = vaddq_u32(vaddq_u32(vcgtq_f32(size, between[0]), vcgtq_f32(size, between[1])),
                                         vcgtq_f32(size, between[2]));  // 0 to -3
      const uint32x4_t mirrored = vandq_u32(vcltzq_f32(v), vdupq_n_u32(7));
      const uint32x4_t code = veorq_u32(vsubq_u32(vdupq_n_u32(4), steps), mirrored);
      level[s] = look_up(code);
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
