#include <algorithm>
#include <cmath>

#include "platform/kernels/groups.hpp"
#include "platform/kernels/install.hpp"
#include "platform/kernels/panel.hpp"

namespace shrike {
namespace {

float larger(float a, float b) noexcept { return b > a ? b : a; }

template <class Form>
void pack_row(std::byte* row, const float* x, int n_in) noexcept {
  for (int k = 0; k < n_in; k += Form::kDepth) {
    const int n = std::min(Form::kDepth, n_in - k);
    float largest = 0.0f;
    for (int i = 0; i < n; ++i) largest = larger(largest, std::fabs(x[k + i]));
    const float inverse = inverse_of<Form>(largest);
    typename Form::Integer q[Form::kDepth] = {};
    for (int i = 0; i < n; ++i) q[i] = static_cast<typename Form::Integer>(nearest(x[k + i] * inverse));
    const std::size_t bytes = static_cast<std::size_t>(stepped<Form>(n)) * sizeof(q[0]);
    std::memcpy(row, q, bytes);
    put_scale(row + bytes, scale_of<Form>(largest));
    row += bytes + sizeof(float);
  }
}

// number(out, k): the weight of the block
template <class Form, class Number>
void pack_block(std::byte* block, int n_outs, int n, Number number) noexcept {
  const int n_steps = stepped<Form>(n) / Form::kStep;
  auto* scales =
      block + static_cast<std::size_t>(n_steps * Form::kStep * Form::kOuts) * sizeof(typename Form::Integer);
  for (int out = 0; out < Form::kOuts; ++out) {
    float largest = 0.0f;
    for (int k = 0; out < n_outs && k < n; ++k) largest = larger(largest, std::fabs(number(out, k)));
    const float inverse = inverse_of<Form>(largest);
    for (int k = 0; k < n_steps * Form::kStep; ++k) {
      const typename Form::Integer q =
          out < n_outs && k < n ? static_cast<typename Form::Integer>(nearest(number(out, k) * inverse)) : 0;
      const int at = (k / Form::kStep * Form::kOuts + out) * Form::kStep + k % Form::kStep;
      std::memcpy(block + static_cast<std::size_t>(at) * sizeof(q), &q, sizeof(q));
    }
    put_scale(scales + static_cast<std::size_t>(out) * sizeof(float), scale_of<Form>(largest));
  }
}

template <class Form>
void pack_outs(std::byte* block, const float* w, std::ptrdiff_t stride, int n_outs, int n) noexcept {
  pack_block<Form>(block, n_outs, n, [&](int out, int k) { return w[out * stride + k]; });
}
template <class Form>
void pack_columns(std::byte* block, const float* w, std::ptrdiff_t stride, int n_outs, int n) noexcept {
  pack_block<Form>(block, n_outs, n, [&](int out, int k) { return w[k * stride + out]; });
}

void pack_groups(std::byte* block, const Group* groups, std::ptrdiff_t stride, int n_outs) noexcept {
  std::byte* scales = block + Narrow::kDepth * Narrow::kOuts;
  for (int out = 0; out < Narrow::kOuts; ++out) {
    const Group group = out < n_outs ? groups[out * stride] : Group{};
    for (int step = 0; step < Narrow::kDepth / Narrow::kStep; ++step)
      std::memcpy(block + (step * Narrow::kOuts + out) * Narrow::kStep, group.q + step * Narrow::kStep,
                  Narrow::kStep);
    put_scale(scales + static_cast<std::size_t>(out) * sizeof(float), group.d[0]);
  }
}

template <class Form>
void multiply(const PanelTask& t) noexcept {
  using Integer = typename Form::Integer;
  const PanelForm form = panel_form<Form>();
  for (int row = 0; row < t.n_rows; ++row)
    for (int out = 0; out < t.n_outs; out += Form::kOuts) {
      const std::byte* strip =
          t.panel + static_cast<std::size_t>(out / Form::kOuts) * form.strip_bytes(t.n_in);
      const std::byte* x = t.rows + static_cast<std::size_t>(row) * form.row_bytes(t.n_in);
      float sums[Form::kOuts] = {};
      for (int k = 0; k < t.n_in; k += Form::kDepth) {
        const int n = stepped<Form>(std::min(Form::kDepth, t.n_in - k));
        std::int32_t dots[Form::kOuts] = {};
        for (int i = 0; i < n; ++i) {
          Integer a;
          std::memcpy(&a, x + static_cast<std::size_t>(i) * sizeof(a), sizeof(a));
          for (int c = 0; c < Form::kOuts; ++c) {
            Integer b;
            const int at = (i / Form::kStep * Form::kOuts + c) * Form::kStep + i % Form::kStep;
            std::memcpy(&b, strip + static_cast<std::size_t>(at) * sizeof(b), sizeof(b));
            dots[c] += a * b;
          }
        }
        x += static_cast<std::size_t>(n) * sizeof(Integer);
        strip += static_cast<std::size_t>(n * Form::kOuts) * sizeof(Integer);
        for (int c = 0; c < Form::kOuts; ++c)
          sums[c] =
              std::fma(static_cast<float>(dots[c]),
                       scale_at(strip + static_cast<std::size_t>(c) * sizeof(float)) * scale_at(x), sums[c]);
        x += sizeof(float);
        strip += Form::kOuts * sizeof(float);
      }
      finish(t, row, out, std::min(Form::kOuts, t.n_outs - out), sums);
    }
}

template <class Form>
PanelKernels panels() noexcept {
  return {panel_form<Form>(), false,          pack_row<Form>, pack_outs<Form>,
          pack_columns<Form>, multiply<Form>, nullptr};
}

}  // namespace

void install_panel_scalar(Kernels& k) noexcept {
  k.wide = panels<Wide>();
  k.narrow = panels<Narrow>();
  k.narrow.pack_groups = pack_groups;
}

}  // namespace shrike
