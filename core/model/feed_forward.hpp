#pragma once

#include <span>

#include "core/model/linear.hpp"
#include "core/model/weights.hpp"

namespace shrike {

// down(act(up x)) or, with a gate, down(act(gate x) * up x), of many rows. Where all weights go over the same panels,
// what lies between the products is made some outputs at a time and packed at once: it is never whole in floats.
//
// Memory   the caller's room, free again afterwards. With feed_forward_room() numbers it is done at once, else, and
//          where the weights are not all quantised, some rows at a time, as many as it and `compute` have room for:
//          of the latter, rows of n_ff
struct FeedForward {
  AffineView gate;  // null where there is none
  AffineView up;
  Activation activation = Activation::silu;
  Product down;
};

[[nodiscard]] std::size_t feed_forward_room(const Kernels& kernels, int n_rows, int n_ff) noexcept;

// x [n_rows][up.weight.n_cols], dense, not in the room
void feed_forward(const Compute& compute, const float* x, int n_rows, const FeedForward& f,
                  std::span<float> room) noexcept;

}  // namespace shrike
