#include "core/model/weights.hpp"

#include <string>

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

  AffineView affine(const std::string& stem, int n_rows, int n_cols) {
    return {matrix(stem + ".weight", n_rows, n_cols), vector(stem + ".bias", n_rows)};
  }
  NormView norm(const std::string& stem, int n) {
    return {vector(stem + ".weight", n), vector(stem + ".bias", n)};
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

}  // namespace

Result<TextWeights> read_text_weights(const gguf::File& file, const TextConfig& c) {
  Reader read(file);
  TextWeights w;
  w.token_embd = read.matrix("token_embd.weight", c.n_vocab, c.dim);
  w.output_norm = read.vector("output_norm.weight", c.dim);
  w.output =
      file.tensor("output.weight") != nullptr ? read.matrix("output.weight", c.n_vocab, c.dim) : w.token_embd;
  if (file.tensor("rope_freqs.weight") != nullptr)
    return file.error(Code::unsupported, "scaled rotary frequencies", "rope_freqs.weight");
  const int q_dim = c.n_heads * c.head_dim;
  const int kv_dim = c.n_kv_heads * c.head_dim;
  for (int layer = 0; layer < c.n_layers && !read.failed(); ++layer) {
    const auto name = [layer](const char* n) { return block_name("blk.", layer, n); };
    TextLayer l;
    l.attn_norm = read.vector(name("attn_norm.weight"), c.dim);
    l.q = read.matrix(name("attn_q.weight"), q_dim, c.dim);
    l.k = read.matrix(name("attn_k.weight"), kv_dim, c.dim);
    l.v = read.matrix(name("attn_v.weight"), kv_dim, c.dim);
    l.o = read.matrix(name("attn_output.weight"), c.dim, q_dim);
    l.ffn_norm = read.vector(name("ffn_norm.weight"), c.dim);
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
  w.patch = read.affine("v.patch_embd", c.dim, c.patch_numbers());
  w.position = read.matrix("v.position_embd.weight", c.n_patches(), c.dim);
  w.post_ln = read.norm("v.post_ln", c.dim);
  w.projector = read.matrix("mm.model.fc.weight", c.projection_dim, c.shuffle * c.shuffle * c.dim);
  for (int layer = 0; layer < c.n_layers && !read.failed(); ++layer) {
    const auto name = [layer](const char* n) { return block_name("v.blk.", layer, n); };
    VisionLayer l;
    l.ln1 = read.norm(name("ln1"), c.dim);
    l.ln2 = read.norm(name("ln2"), c.dim);
    l.q = read.affine(name("attn_q"), c.dim, c.dim);
    l.k = read.affine(name("attn_k"), c.dim, c.dim);
    l.v = read.affine(name("attn_v"), c.dim, c.dim);
    l.o = read.affine(name("attn_out"), c.dim, c.dim);
    // Files made before mid-2025 call the first product ffn_down and the second ffn_up. The shape tells.
    const gguf::TensorInfo* down = file.tensor(name("ffn_down.weight"));
    const bool swapped =
        c.n_ff != c.dim && down != nullptr && down->ne[0] == static_cast<std::uint64_t>(c.dim);
    l.up = read.affine(name(swapped ? "ffn_down" : "ffn_up"), c.n_ff, c.dim);
    l.down = read.affine(name(swapped ? "ffn_up" : "ffn_down"), c.dim, c.n_ff);
    w.layers.push_back(l);
  }
  if (read.failed()) return read.error();
  return w;
}

}  // namespace shrike
