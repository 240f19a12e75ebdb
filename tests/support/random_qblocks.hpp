#pragma once

#include <cmath>
#include <optional>
#include <string>
#include <string_view>

#include "core/tensor.hpp"
#include "platform/check.hpp"
#include "platform/numeric.hpp"
#include "tests/support/gguf_writer.hpp"

namespace shrike::test {

// Numbers at random of a standard deviation of 0.02 as a tensor of any type stores them. Blocks are made as they
// lie in the file, without quantising anything: quants are evenly spread, scales such that the spread is right.
inline constexpr float kRandomSpread = 0.02f;

inline constexpr DType kRandomTypes[] = {DType::f32,  DType::f16,  DType::bf16, DType::q8_0,
                                         DType::q4_0, DType::q4_1, DType::q5_0, DType::q5_1,
                                         DType::q4_k, DType::q5_k, DType::q6_k, DType::iq4_nl};

inline std::optional<DType> random_type(std::string_view name) {
  for (const DType type : kRandomTypes)
    if (name == dtype_info(type).name) return type;
  return std::nullopt;
}
inline std::string random_type_names() {
  std::string names;
  for (const DType type : kRandomTypes)
    names += (names.empty() ? "" : ", ") + std::string(dtype_info(type).name);
  return names;
}

// What quantisers take where rows of `width` do not divide into the qblocks of `wanted`.
inline DType type_for_width(DType wanted, std::uint64_t width) {
  if (width % static_cast<std::uint64_t>(dtype_info(wanted).weights) == 0) return wanted;
  const DType narrower = wanted == DType::q4_k   ? DType::q5_0
                         : wanted == DType::q5_k ? DType::q5_1
                         : wanted == DType::q6_k ? DType::q8_0
                                                 : DType::f16;
  return width % 32 == 0 ? narrower : DType::f16;
}

class RandomQBlocks {
 public:
  explicit RandomQBlocks(std::uint32_t seed) : state_(seed * 2654435761u + 1) {}

  Bytes make(DType type, std::size_t n) {
    const DTypeInfo info = dtype_info(type);
    SHRIKE_CHECK(n % static_cast<std::size_t>(info.weights) == 0);
    const std::size_t n_blocks = n / static_cast<std::size_t>(info.weights);
    Bytes out(n_blocks * static_cast<std::size_t>(info.bytes));
    for (std::size_t b = 0; b < n_blocks; ++b)
      block(type, out.data() + b * static_cast<std::size_t>(info.bytes), info.bytes);
    return out;
  }

 private:
  std::uint32_t next() {  // xorshift: a hundred million of them should take no minute
    state_ ^= state_ << 13;
    state_ ^= state_ >> 17;
    return state_ ^= state_ << 5;
  }
  float number() {  // even, of the wanted spread
    return (static_cast<float>(next() >> 8) * 0x1p-23f - 1.0f) * kRandomSpread * std::sqrt(3.0f);
  }
  template <class T>
  static void put(std::byte* at, T value) {
    std::memcpy(at, &value, sizeof(value));
  }
  void quants(std::byte* from, std::byte* to) {
    for (; from != to; ++from) *from = static_cast<std::byte>(next() >> 24);
  }

  // n_levels evenly spread quants of step 1 have a standard deviation of n_levels / sqrt(12).
  static float step(int n_levels) { return kRandomSpread * std::sqrt(12.0f) / static_cast<float>(n_levels); }

  void block(DType type, std::byte* at, int bytes) {
    quants(at, at + bytes);
    const auto halves = [&](float d, float m) {
      put(at, f32_to_f16(d));
      put(at + 2, f32_to_f16(m));
    };
    switch (type) {
      case DType::f32:
        return put(at, number());
      case DType::f16:
        return put(at, f32_to_f16(number()));
      case DType::bf16: {
        const float v = number();
        return std::memcpy(at, reinterpret_cast<const std::byte*>(&v) + 2, 2), void();
      }
      case DType::q8_0:
        return put(at, f32_to_f16(step(256)));
      case DType::q4_0:
        return put(at, f32_to_f16(step(16)));
      case DType::iq4_nl:  // its levels reach from -127 to 113
        return put(at, f32_to_f16(step(256)));
      case DType::q5_0:
        return put(at, f32_to_f16(step(32)));
      case DType::q4_1:
        return halves(step(16), -7.5f * step(16));
      case DType::q5_1:
        return halves(step(32), -15.5f * step(32));
      case DType::q4_k:  // scales and minima of six bits, 32 on average
        return halves(step(16) / 32, 7.5f * step(16) / 32);
      case DType::q5_k:
        return halves(step(32) / 32, 15.5f * step(32) / 32);
      case DType::q6_k: {  // [ql 128][qh 64][i8 scales 16][f16 d]
        for (int i = 0; i < 16; ++i) put(at + 192 + i, static_cast<std::int8_t>(16 + next() % 32));
        return put(at + 208, f32_to_f16(step(64) / 32));
      }
      default:
        SHRIKE_CHECK(false, static_cast<int>(type));
    }
  }

  std::uint32_t state_;
};

inline Bytes random_qblocks(DType type, std::size_t n, std::uint32_t seed) {
  return RandomQBlocks(seed).make(type, n);
}

}  // namespace shrike::test
