#include <cstdlib>
#include <iterator>

#include "platform/kernels/install.hpp"
#include "platform/kernels/kernels.hpp"

namespace shrike {
namespace {

struct Name {
  Isa isa;
  const char* text;
};
constexpr Name kNames[] = {
    {Isa::scalar, "scalar"},
    {Isa::avx2, "avx2"},
    {Isa::avx512, "avx512"},
    {Isa::neon, "neon"},
    {Isa::neon_dotprod, "neon_dotprod"},
    {Isa::neon_i8mm, "neon_i8mm"},
};

// Built in and executable, best first; asked once.
struct Runnable {
  Isa isas[std::size(kNames)];
  std::size_t n = 0;

  Runnable() noexcept {
    [[maybe_unused]] const CpuFeatures cpu = detect_cpu();
#if SHRIKE_HAVE_AVX512
    if (cpu.avx2 && cpu.avx512) isas[n++] = Isa::avx512;
#endif
#if SHRIKE_HAVE_AVX2
    if (cpu.avx2) isas[n++] = Isa::avx2;
#endif
#if SHRIKE_HAVE_NEON_I8MM
    if (cpu.neon_dotprod && cpu.neon_i8mm) isas[n++] = Isa::neon_i8mm;
#endif
#if SHRIKE_HAVE_NEON_DOTPROD
    if (cpu.neon_dotprod) isas[n++] = Isa::neon_dotprod;
#endif
#if SHRIKE_HAVE_NEON
    if (cpu.neon) isas[n++] = Isa::neon;
#endif
    isas[n++] = Isa::scalar;
  }
};

}  // namespace

std::span<const Isa> runnable_isas() noexcept {
  static const Runnable runnable;
  return {runnable.isas, runnable.n};
}

const char* isa_name(Isa isa) noexcept {
  for (const Name& name : kNames)
    if (name.isa == isa) return name.text;
  return "?";
}

std::optional<Isa> isa_from_name(std::string_view text) noexcept {
  for (const Name& name : kNames)
    if (text == name.text) return name.isa;
  return std::nullopt;
}

std::optional<Isa> choose_isa() noexcept {
  const char* wanted = std::getenv("SHRIKE_ISA");
  if (wanted == nullptr || *wanted == '\0') return runnable_isas().front();
  const std::optional<Isa> isa = isa_from_name(wanted);
  for (const Isa runnable : runnable_isas())
    if (isa == runnable) return isa;
  return std::nullopt;
}

Kernels kernels_for(Isa isa) noexcept {
  Kernels k{};
  k.isa = isa;
  install_norm_scalar(k);
  install_act_scalar(k);
  install_rope_scalar(k);
  install_convert_scalar(k);
  install_dot_scalar(k);
  install_quants_scalar(k);
  install_attention_scalar(k);
  install_rows_scalar(k);
  install_turned_scalar(k);
  install_merge_scalar(k);
  install_image_scalar(k);
  install_peak_scalar(k);
  install_panel_scalar(k);
#if SHRIKE_HAVE_AVX2
  if (isa == Isa::avx2 || isa == Isa::avx512) {
    install_norm_avx2(k);
    install_act_avx2(k);
    install_rope_avx2(k);
    install_convert_avx2(k);
    install_dot_avx2(k);
    install_quants_avx2(k);
    install_attention_avx2(k);
    install_rows_avx2(k);
    install_turned_avx2(k);
    install_merge_avx2(k);
    install_image_avx2(k);
    install_peak_avx2(k);
    install_panel_avx2(k);
  }
#endif
#if SHRIKE_HAVE_AVX512
  if (isa == Isa::avx512) {
    install_act_avx512(k);
    install_attention_avx512(k);
    install_peak_avx512(k);
    install_panel_avx512(k);
    install_weights_avx512(k);
  }
#endif
#if SHRIKE_HAVE_NEON
  if (isa == Isa::neon || isa == Isa::neon_dotprod || isa == Isa::neon_i8mm) {
    install_norm_neon(k);
    install_act_neon(k);
    install_rope_neon(k);
    install_convert_neon(k);
    install_dot_neon(k);
    install_quants_neon(k);
    install_attention_neon(k);
    install_rows_neon(k);
    install_turned_neon(k);
    install_merge_neon(k);
    install_image_neon(k);
    install_peak_neon(k);
    install_panel_neon(k);
  }
#endif
#if SHRIKE_HAVE_NEON_DOTPROD
  if (isa == Isa::neon_dotprod || isa == Isa::neon_i8mm) {
    install_quants_neon_dotprod(k);
    install_panel_neon_dotprod(k);
  }
#endif
#if SHRIKE_HAVE_NEON_I8MM
  if (isa == Isa::neon_i8mm) install_panel_neon_i8mm(k);
#endif
  return k;
}

}  // namespace shrike
