#include "core/model/weights.hpp"

#include <string>

#include "core/limits.hpp"

namespace shrike {
namespace {

// Reads tensors by name under one file; the first Error sticks, so that the lists below stay lists.
class Reader {
 public:
  explicit Reader(const gguf::File& file) : file_(file) {}

  MatrixView matrix(const std::string& name, int n_rows, int n_cols) {
    const gguf::TensorInfo* tensor = find(name);
    if (tensor == nullptr) return {};
    if (!is_matrix_type(tensor->type)) return fail_type(*tensor, name), MatrixView{};
    // A convolution kernel [patch, patch, 3, dim] is a matrix whose row is its first three dimensions.
    const std::uint64_t cols =
        tensor->n_dims == 4 ? tensor->ne[0] * tensor->ne[1] * tensor->ne[2] : tensor->ne[0];
    const std::uint64_t rows =
        tensor->n_dims == 4 ? tensor->ne[3] : tensor->ne[1] * tensor->ne[2] * tensor->ne[3];
    if (cols != static_cast<std::uint64_t>(n_cols))
      return fail(Code::malformed, "row of the wrong length", name, cols, n_cols), MatrixView{};
    if (rows != static_cast<std::uint64_t>(n_rows))
      return fail(Code::malformed, "wrong number of rows", name, rows, n_rows), MatrixView{};
    if (!aligned(*tensor, name)) return {};
    return {tensor->data, tensor->type, n_rows, n_cols, static_cast<std::size_t>(tensor->bytes / rows)};
  }

  // Where the kernels have nothing for other types.
  MatrixView matrix_of_floats(const std::string& name, int n_rows, int n_cols) {
    const MatrixView view = matrix(name, n_rows, n_cols);
    if (failed_ || view.type == DType::f32 || view.type == DType::f16) return view;
    fail(Code::unsupported, "must be f32 or f16", name);
    return {};
  }

  const float* vector(const std::string& name, int n) {
    const gguf::TensorInfo* tensor = find(name);
    if (tensor == nullptr) return nullptr;
    if (tensor->type != DType::f32) return fail(Code::unsupported, "vectors must be f32", name), nullptr;
    const std::uint64_t n_numbers = tensor->bytes / sizeof(float);
    const std::uint64_t got = tensor->ne[0] != static_cast<std::uint64_t>(n) ? tensor->ne[0] : n_numbers;
    if (got != static_cast<std::uint64_t>(n))
      return fail(Code::malformed, "vector of the wrong length", name, got, n), nullptr;
    return aligned(*tensor, name) ? reinterpret_cast<const float*>(tensor->data) : nullptr;
  }

  AffineView affine(const std::string& stem, int n_rows, int n_cols, bool bias = true) {
    return {matrix(stem + ".weight", n_rows, n_cols), bias ? vector(stem + ".bias", n_rows) : nullptr};
  }
  NormView norm(const std::string& stem, int n, NormKind kind = NormKind::layer) {
    return {vector(stem + ".weight", n), kind == NormKind::layer ? vector(stem + ".bias", n) : nullptr};
  }
  // Outputs of a matrix that no key tells.
  int n_rows_of(const std::string& name) {
    const gguf::TensorInfo* tensor = find(name);
    if (tensor == nullptr) return 1;
    if (tensor->ne[1] <= static_cast<std::uint64_t>(limits::kFeedForwardMax))
      return static_cast<int>(tensor->ne[1]);
    fail(Code::malformed, "too many rows", name, tensor->ne[1], limits::kFeedForwardMax);
    return 1;
  }

  bool failed() const noexcept { return failed_; }
  const Error& error() const noexcept { return error_; }

 private:
  const gguf::TensorInfo* find(const std::string& name) {
    if (failed_) return nullptr;
    const gguf::TensorInfo* tensor = file_.tensor(name);
    if (tensor == nullptr) fail(Code::malformed, "tensor is missing", name);
    return tensor;
  }

  // f32 is read in place, so an odd general.alignment cannot be served.
  bool aligned(const gguf::TensorInfo& tensor, const std::string& name) {
    const std::size_t wanted = tensor.type == DType::f32 ? alignof(float) : alignof(std::uint16_t);
    if (reinterpret_cast<std::uintptr_t>(tensor.data) % wanted == 0) return true;
    fail(Code::unsupported, "data is not aligned to its numbers", name);
    return false;
  }

  void fail_type(const gguf::TensorInfo& tensor, const std::string& name) {
    fail(Code::unsupported, "no kernels for matrices of this type", name);
    error_.hint = std::string("it is ") + dtype_info(tensor.type).name + ", supported are " + kMatrixTypes;
  }
  void fail(Code code, const char* rule, const std::string& name) {
    if (!failed_) error_ = file_.error(code, rule, name);
    failed_ = true;
  }
  void fail(Code code, const char* rule, const std::string& name, std::uint64_t got, int allowed) {
    if (!failed_) error_ = file_.error(code, rule, name, static_cast<std::int64_t>(got), allowed);
    failed_ = true;
  }

  const gguf::File& file_;
  bool failed_ = false;
  Error error_;
};

std::string block_name(const char* prefix, int layer, const char* name) {
  return std::string(prefix) + std::to_string(layer) + "." + name;
}

void read_attention(Reader& read, const TextConfig& c, int layer, TextLayer& l) {
  const auto name = [layer](const char* n) { return block_name("blk.", layer, n); };
  const int q_dim = c.n_heads * c.head_dim, kv_dim = c.n_kv_heads * c.head_dim;
  l.q = read.affine(name("attn_q"), q_dim, c.dim, c.qkv_bias);
  l.k = read.affine(name("attn_k"), kv_dim, c.dim, c.qkv_bias);
  l.v = read.affine(name("attn_v"), kv_dim, c.dim, c.qkv_bias);
  if (c.head_norms) {
    l.q_norm = read.vector(name("attn_q_norm.weight"), c.head_dim);
    l.k_norm = read.vector(name("attn_k_norm.weight"), c.head_dim);
  }
  l.o = read.matrix(name("attn_output.weight"), c.dim, q_dim);
}

// Rows [first, first + n_rows) of a matrix and its bias.
AffineView part_of(const AffineView& whole, int first, int n_rows) {
  if (whole.weight.data == nullptr) return {};
  const MatrixView& w = whole.weight;
  return {{w.row(first), w.type, n_rows, w.n_cols, w.row_bytes}, whole.bias + first};
}

VisionLayer read_vision_layer(Reader& read, const gguf::File& file, const VisionConfig& c, int layer) {
  const auto name = [layer](const char* n) { return block_name("v.blk.", layer, n); };
  VisionLayer l;
  l.ln1 = read.norm(name("ln1"), c.dim, c.norm);
  l.ln2 = read.norm(name("ln2"), c.dim, c.norm);
  if (c.joined_qkv) {
    const AffineView qkv = read.affine(name("attn_qkv"), 3 * c.dim, c.dim);
    if (read.failed()) return l;
    l.q = part_of(qkv, 0, c.dim);
    l.k = part_of(qkv, c.dim, c.dim);
    l.v = part_of(qkv, 2 * c.dim, c.dim);
  } else {
    l.q = read.affine(name("attn_q"), c.dim, c.dim);
    l.k = read.affine(name("attn_k"), c.dim, c.dim);
    l.v = read.affine(name("attn_v"), c.dim, c.dim);
  }
  l.o = read.affine(name("attn_out"), c.dim, c.dim);
  if (c.layer_scale) {
    l.ls1 = read.vector(name("ls1.weight"), c.dim);
    l.ls2 = read.vector(name("ls2.weight"), c.dim);
  }
  if (c.gated) l.gate = read.affine(name("ffn_gate"), c.n_ff, c.dim);
  // Files made before mid-2025 call the first product ffn_down and the second ffn_up. The shape tells.
  const gguf::TensorInfo* down = file.tensor(name("ffn_down.weight"));
  const bool swapped = c.n_ff != c.dim && down != nullptr && down->ne[0] == static_cast<std::uint64_t>(c.dim);
  l.up = read.affine(name(swapped ? "ffn_down" : "ffn_up"), c.n_ff, c.dim);
  l.down = read.affine(name(swapped ? "ffn_up" : "ffn_down"), c.dim, c.n_ff);
  return l;
}

Projection read_projection(Reader& read, const VisionConfig& c) {
  const VisionConfig::Projection& p = c.projection;
  const int n_in = c.join == Join::mean ? c.dim : c.shuffle * c.shuffle * c.dim;
  const std::string first = p.first;
  Projection projection;
  if (p.norm != nullptr) projection.norm = read.norm(p.norm, n_in, p.norm_kind);
  if (p.turned) {
    projection.first.weight = read.matrix_of_floats(first + ".weight", n_in, c.projection_dim);
  } else if (p.second == nullptr) {
    projection.first = read.affine(first, c.projection_dim, n_in, p.first_bias);
  } else {
    const int n_hidden = read.n_rows_of(first + ".weight");
    projection.first = read.affine(first, n_hidden, n_in, p.first_bias);
    projection.second = read.affine(p.second, c.projection_dim, n_hidden);
  }
  return projection;
}

// What an early layer of the tower gives to an early layer of the decoder.
Projection read_deepstack(Reader& read, const VisionConfig& c, int layer) {
  const auto name = [layer](const char* n) { return block_name("v.deepstack.", layer, n); };
  const int n_in = c.shuffle * c.shuffle * c.dim, n_hidden = read.n_rows_of(name("fc1.weight"));
  return {read.norm(name("norm"), n_in), read.affine(name("fc1"), n_hidden, n_in),
          read.affine(name("fc2"), c.projection_dim, n_hidden)};
}

}  // namespace

Result<TextWeights> read_text_weights(const gguf::File& file, const TextConfig& c) {
  Reader read(file);
  TextWeights w;
  w.token_embd = read.matrix("token_embd.weight", c.n_vocab, c.dim);
  // LFM2's files call the last norm after the embedding.
  const char* kEmbeddings = "token_embd_norm.weight";
  w.output_norm =
      read.vector(file.tensor(kEmbeddings) != nullptr ? kEmbeddings : "output_norm.weight", c.dim);
  w.output =
      file.tensor("output.weight") != nullptr ? read.matrix("output.weight", c.n_vocab, c.dim) : w.token_embd;
  if (file.tensor("rope_freqs.weight") != nullptr)
    return file.error(Code::unsupported, "scaled rotary frequencies", "rope_freqs.weight");
  for (int layer = 0; layer < c.n_layers && !read.failed(); ++layer) {
    const auto name = [layer](const char* n) { return block_name("blk.", layer, n); };
    TextLayer l;
    l.attn_norm = read.vector(name("attn_norm.weight"), c.dim);
    if (c.kv_layer(layer) < 0) {
      l.conv_in = read.matrix(name("shortconv.in_proj.weight"), 3 * c.dim, c.dim);
      l.conv = read.matrix(name("shortconv.conv.weight"), c.dim, c.conv_length);
      l.conv_out = read.matrix(name("shortconv.out_proj.weight"), c.dim, c.dim);
    } else {
      read_attention(read, c, layer, l);
    }
    l.ffn_norm = read.vector(name("ffn_norm.weight"), c.dim);
    if (c.branch_norms) {
      l.attn_out_norm = read.vector(name("post_attention_norm.weight"), c.dim);
      l.ffn_out_norm = read.vector(name("post_ffw_norm.weight"), c.dim);
    }
    l.gate = read.matrix(name("ffn_gate.weight"), c.n_ff, c.dim);
    l.up = read.matrix(name("ffn_up.weight"), c.n_ff, c.dim);
    l.down = read.matrix(name("ffn_down.weight"), c.dim, c.n_ff);
    w.layers.push_back(l);
  }
  if (read.failed()) return read.error();
  return w;
}

Result<VisionWeights> read_vision_weights(const gguf::File& file, const VisionConfig& c) {
  Reader read(file);
  VisionWeights w;
  w.patch = read.affine("v.patch_embd", c.dim, c.patch_numbers(), c.patch_bias);
  if (c.two_frames) w.second_frame = read.matrix("v.patch_embd.weight.1", c.dim, c.patch_numbers());
  if (c.class_token) w.class_token = read.vector("v.class_embd", c.dim);
  if (c.places != PlaceTable::none)
    w.position = read.matrix("v.position_embd.weight",
                             c.table_side > 0 ? c.table_side * c.table_side : c.n_rows(), c.dim);
  if (c.pre_norm) w.pre_ln = read.norm("v.pre_ln", c.dim, c.norm);
  if (c.post_norm) w.post_ln = read.norm("v.post_ln", c.dim, c.norm);
  w.projector = read_projection(read, c);
  for (const int layer : c.deepstack) w.deepstack.push_back(read_deepstack(read, c, layer));
  for (int layer = 0; layer < c.n_layers && !read.failed(); ++layer)
    w.layers.push_back(read_vision_layer(read, file, c, layer));
  if (read.failed()) return read.error();
  return w;
}

}  // namespace shrike
