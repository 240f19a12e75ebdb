#include "core/kv/codec.hpp"

#include "core/kv/parts/codecs.hpp"

namespace shrike::kv {
namespace {

constexpr Codec kCodecs[] = {
    {"f16", "half precision", parts::f16_bytes, parts::f16_encode, parts::f16_decode, true},
};

}  // namespace

std::span<const Codec> codecs() noexcept { return kCodecs; }

}  // namespace shrike::kv
