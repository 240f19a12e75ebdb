#include <bit>
#include <limits>
#include <map>

#include "apps/shrike/errors.hpp"
#include "apps/shrike/options.hpp"
#include "apps/shrike/print.hpp"
#include "apps/shrike/sha256.hpp"
#include "apps/shrike/units.hpp"
#include "core/arena.hpp"
#include "core/gguf/reader.hpp"
#include "core/kv/codec.hpp"
#include "core/model/chat_format.hpp"
#include "core/model/config.hpp"
#include "core/model/prompt.hpp"
#include "core/model/tiles.hpp"
#include "core/session.hpp"

namespace shrike::cli {
namespace {

struct Arguments {
  std::vector<std::string> files;
  bool keys = false, tensors = false, json = false;
};

Json scalar_json(const gguf::Value& v) {
  using gguf::ValueType;
  switch (v.type) {
    case ValueType::string:
      return std::string(v.text);
    case ValueType::boolean:
      return v.bits != 0;
    case ValueType::f32:
      return std::bit_cast<float>(static_cast<std::uint32_t>(v.bits));
    case ValueType::f64:
      return std::bit_cast<double>(v.bits);
    case ValueType::i8:
    case ValueType::i16:
    case ValueType::i32:
    case ValueType::i64:
      return static_cast<std::int64_t>(v.bits);
    default:
      return v.bits;
  }
}

// The first few elements; a vocabulary is not for reading.
Json value_json(const gguf::Value& v) {
  using gguf::ValueType;
  if (v.type != ValueType::array) return scalar_json(v);
  constexpr std::uint64_t kShown = 8;
  Json shown = Json::array();
  if (v.element == ValueType::string) {
    gguf::StringArray strings(v);
    std::string_view text;
    while (shown.size() < kShown && strings.next(text)) shown.push_back(std::string(text));
  } else {
    const std::size_t size = v.count > 0 ? v.bytes.size() / static_cast<std::size_t>(v.count) : 0;
    for (std::uint64_t i = 0; i < v.count && i < kShown; ++i) {
      gguf::Value element;
      element.type = v.element;
      std::memcpy(&element.bits, v.bytes.data() + i * size, size);
      if (v.element == ValueType::i32)
        element.bits =
            static_cast<std::uint64_t>(static_cast<std::int64_t>(static_cast<std::int32_t>(element.bits)));
      shown.push_back(scalar_json(element));
    }
  }
  if (v.count <= kShown) return shown;
  return {{"count", v.count}, {"first", shown}};
}

// Of a picture, as many as the model can bear.
int tokens_max(const VisionConfig& c) {
  TileLimits limits = tile_limits(c, std::numeric_limits<int>::max(), Prompt::kTilesAcrossMax);
  if (c.picturing.cutting == Cutting::own_size) limits.cells_max = c.picturing.cells_max;
  if (c.picturing.cutting == Cutting::rows)  // a picture whose sides are equal is cut into most
    limits.n_tiles_max = tiles_of(1, 1, limits).n_tiles();
  return limits.picture_tokens_max();
}

// What the file means to this program, or why nothing.
Json meaning(const gguf::File& file) {
  const Result<std::string_view> architecture = file.string("general.architecture");
  if (architecture && *architecture == "clip") {
    const Result<VisionConfig> c = read_vision_config(file);
    if (!c) return {{"runs", false}, {"why", error_text(c.error())}};
    return {{"runs", true},
            {"projector", std::string(c->projector)},
            {"image", c->image_size},
            {"patch", c->patch_size},
            {"layers", c->n_layers},
            {"width", c->dim},
            {"heads", c->n_heads},
            {"feed_forward", c->n_ff},
            {"tokens_per_image", c->n_image_tokens()},
            {"tokens_per_image_max", tokens_max(*c)},
            {"projection", c->projection_dim}};
  }
  const Result<TextConfig> c = read_text_config(file);
  if (!c) return {{"runs", false}, {"why", error_text(c.error())}};
  Json per_token;
  for (const kv::Codec* codec : kv::codecs())
    per_token[std::string(codec->name)] = kv::block_bytes(*codec, c->head_dim, 0) / kv::kBlockSlots *
                                          static_cast<std::size_t>(c->n_kv_layers() * c->n_kv_heads);
  Json model = {{"runs", true},
                {"layers", c->n_layers},
                {"width", c->dim},
                {"heads", c->n_heads},
                {"kv_heads", c->n_kv_heads},
                {"head_dim", c->head_dim},
                {"feed_forward", c->n_ff},
                {"context", c->n_ctx},
                {"vocabulary", c->n_vocab},
                {"rope_base", c->rotation.base},
                {"kv_bytes_per_token", per_token}};
  if (c->sight > 0) {
    model["sliding_window"] = c->sight;
    model["sliding_window_rope_base"] = c->near_rotation.base;
  }
  return model;
}

// What a pair of files needs to watch, with all options as they are: which no single file tells.
void add_budgets(std::vector<Json>& infos, const std::vector<std::string>& files) {
  std::string text, eyes;
  Json* of_text = nullptr;
  for (std::size_t i = 0; i < infos.size(); ++i) {
    if (!infos[i]["model"]["runs"].get<bool>()) return;
    const bool is_text = infos[i]["model"].contains("vocabulary");
    std::string& file = is_text ? text : eyes;
    if (!file.empty()) return;
    file = files[i];
    if (is_text) of_text = &infos[i]["model"];
  }
  if (text.empty() || eyes.empty()) return;
  SessionOptions options;
  options.model_path = text;
  options.mmproj_path = eyes;
  const Result<Plan> plan = Session::plan(options);
  if (!plan) return;
  (*of_text)["kv_budget_smallest_bytes"] = plan->kv_budget_min_bytes;
  (*of_text)["kv_budget_sensible_bytes"] = plan->kv_budget_sensible_bytes;
}

// What text becomes, and which words go around it. The vision file of a pair may say more of the format than
// the text file does; `shrike trace` and the others see both.
void add_words(const gguf::File& file, Json& out) {
  if (file.find("tokenizer.ggml.model") == nullptr) return;
  const Result<std::size_t> n_bytes = Tokenizer::bytes_needed(file);
  std::vector<std::byte> memory(n_bytes ? *n_bytes + Arena::kAlignment : 0);
  const std::size_t misaligned = reinterpret_cast<std::uintptr_t>(memory.data()) % Arena::kAlignment;
  const Result<Tokenizer> built =
      n_bytes ? Tokenizer::build(file, std::span(memory).subspan(Arena::kAlignment - misaligned, *n_bytes))
              : Result<Tokenizer>(n_bytes.error());
  if (!built) {
    out["tokenizer"] = {{"runs", false}, {"why", error_text(built.error())}};
    return;
  }
  out["tokenizer"] = {{"runs", true},
                      {"tokens", built->n_vocab()},
                      {"bytes", *n_bytes},
                      {"add_bos", built->add_bos()},
                      {"bos", std::string(built->text(built->bos()))},
                      {"eos", std::string(built->text(built->eos()))}};
  const Result<std::string_view> pre = file.string("tokenizer.ggml.pre");
  if (file.find("tokenizer.ggml.merges") != nullptr && pre && *pre == "default")
    out["tokenizer"]["warning"] = "the file does not say how text is cut into words; it is cut as for GPT-2";
  out["chat_format"] = recognised_format(file, *built, "").name;
}

Json info_json(const Arguments& a, const MappedFile& map, const gguf::File& file) {
  struct Sum {
    int tensors = 0;
    std::uint64_t bytes = 0;
  };
  std::map<std::string, Sum> types;
  std::uint64_t n_numbers = 0;
  for (const gguf::TensorInfo& t : file.tensors()) {
    Sum& sum = types[dtype_info(t.type).name];
    ++sum.tensors;
    sum.bytes += t.bytes;
    n_numbers += t.ne[0] * t.ne[1] * t.ne[2] * t.ne[3];
  }
  Json out = {{"file", file.name()},
              {"bytes", file.size_bytes()},
              {"sha256", sha256(map.bytes())},
              {"gguf", file.version()}};
  for (const char* key :
       {"general.architecture", "general.type", "general.name", "tokenizer.ggml.model", "tokenizer.ggml.pre"})
    if (const Result<std::string_view> text = file.string(key)) out[key] = std::string(*text);
  out["tensors"] = file.tensors().size();
  out["types"] = Json::object();
  for (const auto& [type, sum] : types) out["types"][type] = {{"tensors", sum.tensors}, {"bytes", sum.bytes}};
  out["parameters"] = n_numbers;
  out["model"] = meaning(file);
  add_words(file, out);
  if (a.keys)
    for (const gguf::Value& v : file.values()) out["keys"][std::string(v.key)] = value_json(v);
  if (a.tensors)
    for (const gguf::TensorInfo& t : file.tensors())
      out["tensor_list"].push_back({{"name", std::string(t.name)},
                                    {"type", dtype_info(t.type).name},
                                    {"shape", std::vector<std::uint64_t>(t.ne, t.ne + t.n_dims)},
                                    {"bytes", t.bytes}});
  return out;
}

std::string text_of(const Json& value) {
  return printable(value.is_string() ? value.get<std::string>()
                                     : value.dump(-1, ' ', false, Json::error_handler_t::replace));
}

void print_info(const Json& info) {
  std::printf("%s\n", printable(info["file"].get<std::string>()).c_str());
  for (const auto& [key, value] : info.items()) {
    if (key == "file") continue;
    if (key == "types") {
      for (const auto& [name, sum] : value.items())
        std::printf("  %-22s %s in %d tensors, %s bytes\n", key.c_str(), name.c_str(),
                    sum["tensors"].get<int>(), grouped(sum["bytes"].get<std::int64_t>()).c_str());
    } else if (key == "model" || key == "tokenizer" || key == "keys") {
      std::printf("  %s\n", key.c_str());
      for (const auto& [name, part] : value.items())
        std::printf("    %-44s %s\n", printable(name).c_str(), text_of(part).c_str());
    } else if (key == "tensor_list") {
      for (const Json& t : value)
        std::printf("    %-32s %-6s %-24s %s\n", printable(t["name"].get<std::string>()).c_str(),
                    t["type"].get<std::string>().c_str(), t["shape"].dump().c_str(),
                    grouped(t["bytes"].get<std::int64_t>()).c_str());
    } else if (value.is_number_integer() && (key == "bytes" || key == "parameters")) {
      std::printf("  %-22s %s\n", key.c_str(), grouped(value.get<std::int64_t>()).c_str());
    } else {
      std::printf("  %-22s %s\n", key.c_str(), text_of(value).c_str());
    }
  }
}

}  // namespace

Run add_info(CLI::App& app) {
  auto a = std::make_shared<Arguments>();
  app.footer(
      "Of a text model and its vision file together it also says which --kv-budget is the smallest that "
      "works, "
      "and\nwhich is sensible: room for 16 frames.\n\nExample:\n  shrike info models/perch/perch-f16.gguf "
      "--keys");
  app.add_option("files", a->files, "GGUF files (default: the shipped pair)");
  app.add_flag("--keys", a->keys, "All metadata; long arrays are shortened");
  app.add_flag("--tensors", a->tensors, "All tensors");
  app.add_flag("--json", a->json, "One object per file, one per line");
  return [a] {
    if (a->files.empty())
      for (const char* name : {"/perch/perch-f16.gguf", "/perch/mmproj-perch-f16.gguf"})
        a->files.push_back(models_folder() + name);
    std::vector<Json> infos;
    for (const std::string& path : a->files) {
      const Result<MappedFile> map = MappedFile::open(path);
      if (!map) return fail(map.error());
      const Result<gguf::File> file = gguf::File::parse(map->bytes(), path);
      if (!file) return fail(file.error());
      infos.push_back(info_json(*a, *map, *file));
    }
    add_budgets(infos, a->files);
    for (const Json& info : infos) {
      if (a->json)
        print_json(info);
      else
        print_info(info);
    }
    return static_cast<int>(kOk);
  };
}

}  // namespace shrike::cli
