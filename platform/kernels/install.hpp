#pragma once

#include "platform/kernels/kernels.hpp"

// Each replaces the rows its family improves. All that an object compiled for an ISA may export.
namespace shrike {

void install_norm_scalar(Kernels& k) noexcept;
void install_act_scalar(Kernels& k) noexcept;
void install_rope_scalar(Kernels& k) noexcept;
void install_convert_scalar(Kernels& k) noexcept;
void install_dot_scalar(Kernels& k) noexcept;
void install_quants_scalar(Kernels& k) noexcept;
void install_attention_scalar(Kernels& k) noexcept;
void install_rows_scalar(Kernels& k) noexcept;
void install_turned_scalar(Kernels& k) noexcept;
void install_merge_scalar(Kernels& k) noexcept;
void install_image_scalar(Kernels& k) noexcept;
void install_peak_scalar(Kernels& k) noexcept;
void install_panel_scalar(Kernels& k) noexcept;

void install_norm_avx2(Kernels& k) noexcept;
void install_act_avx2(Kernels& k) noexcept;
void install_rope_avx2(Kernels& k) noexcept;
void install_convert_avx2(Kernels& k) noexcept;
void install_dot_avx2(Kernels& k) noexcept;
void install_quants_avx2(Kernels& k) noexcept;
void install_attention_avx2(Kernels& k) noexcept;
void install_rows_avx2(Kernels& k) noexcept;
void install_turned_avx2(Kernels& k) noexcept;
void install_merge_avx2(Kernels& k) noexcept;
void install_image_avx2(Kernels& k) noexcept;
void install_peak_avx2(Kernels& k) noexcept;
void install_panel_avx2(Kernels& k) noexcept;

void install_act_avx512(Kernels& k) noexcept;
void install_attention_avx512(Kernels& k) noexcept;
void install_peak_avx512(Kernels& k) noexcept;
void install_panel_avx512(Kernels& k) noexcept;
void install_weights_avx512(Kernels& k) noexcept;

void install_norm_neon(Kernels& k) noexcept;
void install_act_neon(Kernels& k) noexcept;
void install_rope_neon(Kernels& k) noexcept;
void install_convert_neon(Kernels& k) noexcept;
void install_dot_neon(Kernels& k) noexcept;
void install_quants_neon(Kernels& k) noexcept;
void install_attention_neon(Kernels& k) noexcept;
void install_rows_neon(Kernels& k) noexcept;
void install_turned_neon(Kernels& k) noexcept;
void install_merge_neon(Kernels& k) noexcept;
void install_image_neon(Kernels& k) noexcept;
void install_peak_neon(Kernels& k) noexcept;
void install_panel_neon(Kernels& k) noexcept;

void install_quants_neon_dotprod(Kernels& k) noexcept;
void install_panel_neon_dotprod(Kernels& k) noexcept;

void install_panel_neon_i8mm(Kernels& k) noexcept;

}  // namespace shrike
