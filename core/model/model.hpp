#pragma once

#include <memory>
#include <string>

#include "core/gguf/reader.hpp"
#include "core/model/config.hpp"
#include "core/model/weights.hpp"
#include "platform/memory.hpp"

namespace shrike {

// The two files of a model, mapped, read and proven: what a session computes with. The vision file is
// optional.
//
// Memory   the files' pages; directories of keys and tensors on the heap, at start only
// Errors   missing, permission, io, malformed, unsupported; a pair that does not belong together is malformed
class Model {
 public:
  [[nodiscard]] static Result<std::unique_ptr<Model>> open(const std::string& model_path,
                                                           const std::string& mmproj_path);

  const gguf::File& file() const noexcept { return text_.file; }
  std::size_t mapped_bytes() const noexcept { return text_.map.bytes().size() + vision_.map.bytes().size(); }
  bool lock() const noexcept { return text_.map.lock() && (!has_vision || vision_.map.lock()); }

  TextConfig text_config;
  TextWeights text_weights;
  bool has_vision = false;
  VisionConfig vision_config;
  VisionWeights vision_weights;

 private:
  struct Mapped {
    MappedFile map;
    gguf::File file;
  };
  static Result<Mapped> map(const std::string& path);
  Mapped text_, vision_;
};

}  // namespace shrike
