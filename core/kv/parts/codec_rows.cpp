#include "core/kv/catalogue.hpp"
#include "core/limits.hpp"
#include "platform/kernels/turned.hpp"

namespace shrike::kv::parts {
namespace {

// A row is quantised by itself, so that any slot can leave. Keys and values alike.
// Source   per token, as KIVI arXiv 2402.02750 has values: groups over tokens, which it has for keys, would chain
//          slots together
template <class Format, RowKernels Kernels::*rows>
struct Rows {
  static std::size_t bytes(int head_dim) noexcept {
    return (shrike::row_bytes<Format>(head_dim) + 1) / 2 * 2;
  }
  static void encode(const Kernels& kernels, std::byte* out, const float* row, int head_dim) noexcept {
    (kernels.*rows).encode(out, row, head_dim);
  }
  static void decode(const Kernels& kernels, float* out, const std::byte* from, int n,
                     int head_dim) noexcept {
    for (int i = 0; i < n; ++i, from += bytes(head_dim), out += head_dim)
      (kernels.*rows).decode(out, from, head_dim);
  }
  static void scores(const Kernels& kernels, float* out, int stride, const float* q, int n_q,
                     const std::byte* keys, int n_keys, int head_dim, float scale) noexcept {
    (kernels.*rows).scores(out, stride, q, head_dim, n_q, keys, bytes(head_dim), n_keys, head_dim, scale);
  }
  static void mix(const Kernels& kernels, float* out, const float* p, int p_stride, int n_q,
                  const std::byte* values, int n_keys, int head_dim) noexcept {
    (kernels.*rows).mix(out, head_dim, p, p_stride, n_q, values, bytes(head_dim), n_keys, head_dim);
  }
};
using Q8 = Rows<RowQ8, &Kernels::rows_q8>;
using Q4 = Rows<RowQ4, &Kernels::rows_q4>;
static_assert(limits::kHeadDimMax <= kTurnedMax);

// Three queries share what is unpacked; from four tiles of them on, unpacking once for all is cheaper.
constexpr int kInPlaceMax = 9;

}  // namespace

const Codec codec_q8_0{"q8_0",     "eight bits and a scale for 32 numbers: 0.53 of f16",
                       Q8::bytes,  Q8::encode,
                       Q8::decode, Q8::scores,
                       Q8::mix,    nullptr,
                       kInPlaceMax};
const Codec codec_q4{"q4",       "four bits, and a scale for a row, turned before it is rounded: 0.27 of f16",
                     Q4::bytes,  Q4::encode,
                     Q4::decode, Q4::scores,
                     Q4::mix};

}  // namespace shrike::kv::parts
