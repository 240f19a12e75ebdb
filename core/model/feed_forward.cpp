#include "core/model/feed_forward.hpp"

#include "core/model/panel_products.hpp"
#include "platform/check.hpp"

namespace shrike {
namespace {

constexpr int kTasksPerThread = 4;
constexpr int kTileRows = Compute::kTileRows, kTileOuts = Compute::kTileOuts;

// act(gate) * up in the gate's place, or act(up) in its own: n numbers, and where they lie.
float* activate(const Kernels& k, const FeedForward& f, float* gate, float* up, int n) noexcept {
  if (f.gate.weight) {
    f.activation == Activation::gelu ? k.gelu_mul(gate, up, n) : k.silu_mul(gate, up, n);
    return gate;
  }
  f.activation == Activation::gelu ? k.gelu(up, n) : k.gelu_quick(up, n);
  return up;
}

// Of gate and up at a time: whole blocks of the rows that go into `down`, some for each thread, as many as a panel
// and a tile have room for. 0: not even the fewest.
int outs_at_once(const Compute& c, const PanelForm& form, const FeedForward& f) noexcept {
  const int unit = std::max(form.outs, form.depth);
  const std::size_t strips = static_cast<std::size_t>(unit / form.outs) * (f.gate.weight ? 2 : 1);
  const std::size_t n = c.panel.panel_bytes / (strips * form.strip_bytes(f.up.weight.n_cols));
  const int wanted = std::max(1, f.up.weight.n_rows / (unit * kTasksPerThread * c.threads.count()));
  return std::min({static_cast<int>(n), wanted, kTileOuts / unit}) * unit;
}

// The panels that everything goes over, if what lies between can be packed as it comes.
const PanelKernels* panels_of(const Compute& c, const FeedForward& f, int n_rows,
                              std::span<float> room) noexcept {
  const PanelKernels* panels = n_rows > 1 ? panels_for(c.kernels, f.up.weight.type) : nullptr;
  if (panels == nullptr || panels_for(c.kernels, f.down.w.type) != panels) return nullptr;
  if (f.gate.weight && panels_for(c.kernels, f.gate.weight.type) != panels) return nullptr;
  if (f.up.weight.n_cols > kSliceIn || outs_at_once(c, panels->form, f) == 0) return nullptr;
  if (PackedRows{panels->form, nullptr, n_rows, f.up.weight.n_rows}.bytes() > room.size_bytes())
    return nullptr;
  return panels;
}

// Outputs [begin, end) of gate and up, of all rows, to integers.
void make_between(const Compute& c, const PanelKernels& panels, const FeedForward& f, const PackedRows& x,
                  const PackedRows& between, int begin, int end, int thread) noexcept {
  std::byte* up_panel = panel_of(c, thread);
  std::byte* gate_panel = up_panel + static_cast<std::size_t>(div_ceil(end - begin, panels.form.outs)) *
                                         panels.form.strip_bytes(x.n_in);
  pack_strips(c, panels, f.up.weight, begin, end, thread, up_panel);
  if (f.gate.weight) pack_strips(c, panels, f.gate.weight, begin, end, thread, gate_panel);
  float* up = c.panel.stage(thread);  // no longer in use
  float* gate = up + kTileRows * kTileOuts;
  PanelTask task;
  task.n_in = x.n_in;
  task.n_outs = task.y_stride = end - begin;
  const auto multiply = [&](const AffineView& by, const std::byte* panel, float* y) {
    task.panel = panel;
    task.bias = by.bias != nullptr ? by.bias + begin : nullptr;
    task.y = y;
    panels.multiply(task);
  };
  for (int row = 0; row < x.n_rows; row += kTileRows) {
    task.rows = x.at(row, 0);
    task.n_rows = std::min(kTileRows, x.n_rows - row);
    multiply(f.up, up_panel, up);
    if (f.gate.weight) multiply(f.gate, gate_panel, gate);
    for (int r = 0; r < task.n_rows; ++r) {
      const std::ptrdiff_t at = static_cast<std::ptrdiff_t>(r) * task.n_outs;
      panels.pack_row(between.at(row + r, begin), activate(c.kernels, f, gate + at, up + at, task.n_outs),
                      task.n_outs);
    }
  }
}

void over_panels(const Compute& c, const PanelKernels& panels, const float* x, int n_rows,
                 const FeedForward& f, std::span<float> room) noexcept {
  const int n_in = f.up.weight.n_cols, n_ff = f.up.weight.n_rows;
  const PackedRows rows{panels.form, c.panel.rows, n_rows, n_in};
  const PackedRows between{panels.form, reinterpret_cast<std::byte*>(room.data()), n_rows, n_ff};
  SHRIKE_CHECK(rows.bytes() <= c.panel.rows_bytes, n_rows, n_in);
  each_row(c, n_rows, [&](int row) {
    panels.pack_row(rows.at(row, 0), x + static_cast<std::ptrdiff_t>(row) * n_in, n_in);
  });
  const int n_outs = outs_at_once(c, panels.form, f);
  c.threads.parallel_for(div_ceil(n_ff, n_outs), [&](int cut, int thread) {
    make_between(c, panels, f, rows, between, cut * n_outs, std::min(n_ff, (cut + 1) * n_outs), thread);
  });
  for (int first = 0; first < n_ff; first += kSliceIn)
    multiply_slice(c, panels, between.slice(first), n_rows, {f.down}, first);
}

// In as few equal parts as there is room for: equal, since a row that is left over alone would take another way.
void in_floats(const Compute& c, const float* x, int n_rows, const FeedForward& f,
               std::span<float> room) noexcept {
  const int n_in = f.up.weight.n_cols, n_ff = f.up.weight.n_rows;
  const std::size_t n_each = static_cast<std::size_t>(n_ff) * (f.gate.weight ? 2 : 1);
  const int n_max = std::min(static_cast<int>(room.size() / n_each), c.n_rows_max(f.down.w.type, n_ff));
  SHRIKE_CHECK(n_max > 0, n_ff);
  const int n_parts = div_ceil(n_rows, n_max);
  for (int part = 0; part < n_parts; ++part) {
    const int first = n_rows * part / n_parts, n = n_rows * (part + 1) / n_parts - first;
    float* up = room.data();
    float* gate = up + static_cast<std::ptrdiff_t>(n) * n_ff;
    const float* rows = x + static_cast<std::ptrdiff_t>(first) * n_in;
    const Product of_up{f.up.weight, f.up.bias, up};
    if (f.gate.weight)
      linear(c, rows, n, {{f.gate.weight, f.gate.bias, gate}, of_up});
    else
      linear(c, rows, n, {of_up});
    each_row(c, n, [&](int row) {
      const std::ptrdiff_t at = static_cast<std::ptrdiff_t>(row) * n_ff;
      activate(c.kernels, f, gate + at, up + at, n_ff);
    });
    Product down = f.down;
    down.y += static_cast<std::ptrdiff_t>(first) * down.w.n_rows;
    linear(c, f.gate.weight ? gate : up, n, {down});
  }
}

}  // namespace

std::size_t feed_forward_room(const Kernels& kernels, int n_rows, int n_ff) noexcept {
  if (!kernels.narrow.fast) return 0;
  return div_ceil(PackedRows{kernels.narrow.form, nullptr, n_rows, n_ff}.bytes(), sizeof(float));
}

void feed_forward(const Compute& c, const float* x, int n_rows, const FeedForward& f,
                  std::span<float> room) noexcept {
  if (const PanelKernels* panels = panels_of(c, f, n_rows, room))
    over_panels(c, *panels, x, n_rows, f, room);
  else
    in_floats(c, x, n_rows, f, room);
}

}  // namespace shrike
