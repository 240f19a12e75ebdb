#include "core/model/model.hpp"

namespace shrike {

Result<Model::Mapped> Model::map(const std::string& path) {
  Mapped mapped;
  SHRIKE_TRY(mapped.map, MappedFile::open(path));
  mapped.map.will_need();
  SHRIKE_TRY(mapped.file, gguf::File::parse(mapped.map.bytes(), path));
  return mapped;
}

Result<std::unique_ptr<Model>> Model::open(const std::string& model_path, const std::string& mmproj_path) {
  auto model = std::make_unique<Model>();
  SHRIKE_TRY(model->text_, map(model_path));
  SHRIKE_TRY(model->text_config, read_text_config(model->text_.file));
  SHRIKE_TRY(model->text_weights, read_text_weights(model->text_.file, model->text_config));
  if (mmproj_path.empty()) return model;

  SHRIKE_TRY(model->vision_, map(mmproj_path));
  const gguf::File& vision = model->vision_.file;
  SHRIKE_TRY(model->vision_config, read_vision_config(vision));
  if (model->vision_config.projection_dim != model->text_config.dim)
    return vision.error(Code::malformed, "does not belong to this text model: its width",
                        "clip.vision.projection_dim", model->vision_config.projection_dim,
                        model->text_config.dim);
  if (model->vision_config.n_deepstack() != model->text_config.n_deepstack)
    return vision.error(Code::malformed, "does not belong to this text model: its deepstack layers",
                        "clip.vision.is_deepstack_layers", model->vision_config.n_deepstack(),
                        model->text_config.n_deepstack);
  if (model->text_config.rotation.has_sections() && model->vision_config.picturing.in_tiles())
    return vision.error(Code::unsupported,
                        "cuts pictures into tiles, which this text model has no positions for",
                        model->vision_config.projector);
  if (model->text_config.both_ways && model->vision_config.picturing.in_tiles())
    return vision.error(Code::unsupported, "cuts pictures into tiles, which this text model sees whole",
                        model->vision_config.projector);
  SHRIKE_TRY(model->vision_weights, read_vision_weights(vision, model->vision_config));
  model->has_vision = true;
  return model;
}

}  // namespace shrike
