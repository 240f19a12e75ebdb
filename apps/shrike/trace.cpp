// Numbers out of the middle of a model, as .npy files: how anyone compares Shrike with another runtime.
#include <algorithm>
#include <charconv>
#include <cstdint>
#include <filesystem>

#include "apps/shrike/errors.hpp"
#include "apps/shrike/options.hpp"
#include "apps/shrike/stream.hpp"
#include "core/model/sampler.hpp"
#include "core/npy.hpp"
#include "core/runtime.hpp"

namespace shrike::cli {
namespace {

constexpr std::string_view kMedia = "<__media__>";

struct Arguments {
  ModelArguments model;
  std::string tokens, prompt, out;
  std::vector<std::string> images, pixels;
  int steps = 64;
  bool all_logits = false, evidence = false;
};

constexpr const char* kFooter = R"(Examples:
  shrike trace -m text.gguf --tokens 1,300,45 --all-logits -o out
  shrike trace -m text.gguf --mmproj vision.gguf --prompt "<|im_start|>User:<__media__>What is it?" --image p.png -o out
  shrike trace -m text.gguf --mmproj vision.gguf --tokens tokens.npy --pixels pixels_0.npy --pixels pixels_1.npy -o out

Writes to the folder OUT
  tokens.npy     int32 [n]            every position of the prompt; -1-k for a position of tile k
  pixels_k.npy   f32 [height, width, 3]  what preprocessing made of tile k; a picture is one or more, the whole last
  embd_k.npy     f32 [rows, width]    image tokens of tile k
  logits.npy     f32 [1 or n, vocab]  of the last prompt position, or of all
  greedy.npy     int32 [steps]        greedy continuation
  steps.npy      f32 [steps, vocab]   the logits that each of those was chosen from
  entropy.npy    f32 [layers, kv_heads, 2, 4]   --evidence: of the prompt's last chunk, text rows and image rows: rows,
                                                mean entropy, mean entropy over text keys, over image keys
  mass.npy       f32 [layers, kv_heads, slots]  --evidence: column mass of every key)";

class Trace {
 public:
  Trace(const Arguments& a, Runtime& runtime)
      : a_(a),
        r_(runtime),
        dim_(runtime.text_config().dim),
        n_vocab_(runtime.text_config().n_vocab),
        both_ways_(runtime.text_config().both_ways) {}

  Status run() {
    SHRIKE_TRY_VOID(read_pictures());
    SHRIKE_TRY_VOID(a_.tokens.empty() ? read_prompt() : read_tokens());
    if (prompt_.empty()) return Error{Code::usage, "is empty", a_.tokens.empty() ? "--prompt" : "--tokens"};
    if (r_.memory().make_room(static_cast<int>(prompt_.size()), r_.policy()) != kv::Room::ok)
      return Error{Code::usage, "has more positions than the model, the steps taken off", "the prompt",
                   static_cast<std::int64_t>(prompt_.size()), r_.plan().context_max - a_.steps};
    SHRIKE_TRY_VOID(write_tokens());
    SHRIKE_TRY_VOID(prefill());
    return decode();
  }

 private:
  std::string path(const std::string& name) const { return a_.out + "/" + name; }

  Status read_pictures() {
    for (const std::string& file : a_.images) SHRIKE_TRY_VOID(read_image(file));
    for (const std::string& file : a_.pixels) {
      SHRIKE_TRY(const Npy npy, read_npy(file));
      SHRIKE_TRY(const TileGrid grid, grid_of(npy, file));
      SHRIKE_TRY_VOID(encode(npy.f32, grid, 0));
      grids_.push_back(grid);
    }
    return ok();
  }

  // A tile of the model's, or a picture of its own size where the model takes those.
  Result<TileGrid> grid_of(const Npy& npy, const std::string& file) const {
    const TileLimits& tiles = r_.tiles();
    const bool planes = npy.type == Npy::Type::f32 && npy.shape.size() == 3 && npy.shape[2] == 3;
    if (planes && npy.shape[0] == tiles.side && npy.shape[1] == tiles.side) return TileGrid{};
    const auto fits = [&](std::int64_t n) { return n > 0 && n <= tiles.side_max() && n % tiles.cell == 0; };
    if (planes && tiles.own_size() && fits(npy.shape[0]) && fits(npy.shape[1])) {
      const TileGrid grid{0, 0, static_cast<int>(npy.shape[1]), static_cast<int>(npy.shape[0])};
      if (tiles.tokens_of(grid) <= tiles.whole_tokens_max()) return grid;
    }
    return Error{Code::malformed, "is not f32 [side, side, 3] of this model's side", file,
                 npy.shape.empty() ? 0 : npy.shape[0], tiles.side};
  }

  // A picture file goes the way of a frame: through the capture process and the preprocessing.
  Status read_image(const std::string& file) {
    SourceOptions source;
    source.argument = file;
    const ImageInput image = r_.image_input();
    SHRIKE_TRY(const Filter filter, filter_option(a_.model, image.filter));
    SHRIKE_TRY(const std::unique_ptr<Source> from, Source::open(source));
    constexpr int kAcross = Prompt::kTilesAcrossMax;
    const Preprocessor::Whole whole{image.shortest, image.longest};
    std::vector<std::byte> scratch(
        Preprocessor::bytes_needed(source.width_max, source.height_max, image.side, filter, kAcross, whole) +
        64);
    std::byte* memory = scratch.data() + (64 - reinterpret_cast<std::uintptr_t>(scratch.data()) % 64) % 64;
    Preprocessor preprocess(r_.kernels(), memory, source.width_max, source.height_max, image.side, filter,
                            kAcross, whole);
    Frame frame;
    for (;;) {
      const Take take = from->take(frame, 1'000'000'000);
      if (take == Take::failed || take == Take::ended)
        return Error{Code::malformed, "is no picture that can be read", file};
      if (take == Take::restarted && is_live(source_kind(file)))
        return Error{Code::unavailable, "gives no picture", redacted(file)};
      if (take == Take::frame) break;
    }
    const TileGrid grid = r_.tiles_for(frame.width, frame.height);
    for (int tile = 0; tile < grid.n_tiles(); ++tile) {
      const int n = r_.tiles().width_of(grid, tile) * r_.tiles().height_of(grid, tile);
      std::vector<float> pixels(static_cast<std::size_t>(3 * n));
      if (!preprocess(frame, image, grid, tile))
        return Error{Code::malformed, "is a picture of no size", file};
      for (int i = 0; i < n; ++i)
        for (int c = 0; c < 3; ++c) pixels[static_cast<std::size_t>(3 * i + c)] = image.planes[c * n + i];
      SHRIKE_TRY_VOID(encode(pixels, grid, tile));
    }
    from->release();
    grids_.push_back(grid);
    return ok();
  }

  Status encode(const std::vector<float>& pixels, TileGrid grid, int tile) {
    const ImageInput image = r_.image_input();
    const TileLimits& tiles = r_.tiles();
    const int width = tiles.width_of(grid, tile), height = tiles.height_of(grid, tile), n = width * height;
    for (int i = 0; i < n; ++i)
      for (int c = 0; c < 3; ++c) image.planes[c * n + i] = pixels[static_cast<std::size_t>(3 * i + c)];
    const int n_rows = tiles.tokens_of(grid, tile);
    const std::string k = std::to_string(n_tiles_++);
    SHRIKE_TRY_VOID(write_npy(path("pixels_" + k + ".npy"), std::vector<std::int64_t>{height, width, 3},
                              std::span<const float>(pixels)));
    const float* rows = r_.encode_image(tile, grid);
    const std::size_t size = static_cast<std::size_t>(n_rows) * static_cast<std::size_t>(r_.row_numbers());
    SHRIKE_TRY_VOID(write_npy(path("embd_" + k + ".npy"), std::vector<std::int64_t>{n_rows, r_.row_numbers()},
                              std::span<const float>(rows, size)));
    image_rows_.insert(image_rows_.end(), rows, rows + size);
    tile_of_row_.insert(tile_of_row_.end(), static_cast<std::size_t>(n_rows), n_tiles_ - 1);
    return ok();
  }

  void add_token(TokenId token) { prompt_.push_back({token, {}}); }
  // The rows of the tiles follow one another, whatever stands between them.
  void add_image_position(kv::TokenFacts facts) {
    facts.modality = kv::Modality::image;
    prompt_.push_back({image_row(n_image_positions_++), facts});
  }

  Status read_tokens() {
    std::vector<std::int32_t> ids;
    if (a_.tokens.ends_with(".npy")) {
      SHRIKE_TRY(const Npy npy, read_npy(a_.tokens));
      if (npy.type != Npy::Type::i32) return Error{Code::malformed, "is not int32", a_.tokens};
      ids = npy.i32;
    } else {
      const char* at = a_.tokens.data();
      const char* end = at + a_.tokens.size();
      while (at < end) {
        std::int32_t id = 0;
        const auto [after, error] = std::from_chars(at, end, id);
        if (error != std::errc{} || (after < end && *after != ',' && *after != ' '))
          return Error{Code::usage, "is no list of ids; write 1,2,3 or name an .npy file",
                       "--tokens " + a_.tokens};
        ids.push_back(id);
        at = after + 1;
      }
    }
    const std::vector<kv::TokenFacts> places = image_places();
    for (const std::int32_t id : ids) {
      if (id >= n_vocab_)
        return Error{Code::usage, "names a token beyond the vocabulary", "--tokens", id, n_vocab_ - 1};
      if (id >= 0) {
        add_token(id);
        continue;
      }
      const kv::TokenFacts place = n_image_positions_ < std::ssize(places)
                                       ? places[static_cast<std::size_t>(n_image_positions_)]
                                       : kv::TokenFacts{};
      const bool whole = kv::reach_of(place) > 0 || (both_ways_ && !kv::begins_picture(place));
      if (whole && (prompt_.empty() || prompt_.back().token >= 0))
        return Error{Code::usage, "has words within a picture, which this model takes as a whole",
                     "--tokens"};
      add_image_position(place);
    }
    if (n_image_positions_ != std::ssize(tile_of_row_))
      return Error{Code::usage, "has another number of picture positions than the pictures have rows",
                   "--tokens", n_image_positions_, std::ssize(tile_of_row_)};
    return ok();
  }

  // Where the rows of all pictures lie in them, as the model's own words around a picture have it.
  std::vector<kv::TokenFacts> image_places() const {
    std::vector<kv::TokenFacts> places;
    for (int picture = 0; picture < n_pictures(); ++picture) {
      const int n = r_.prompt().image(0, r_.prompt_buffer(), grids_[static_cast<std::size_t>(picture)]);
      for (const PromptToken& token : r_.prompt_buffer().first(static_cast<std::size_t>(std::max(0, n))))
        if (token.token < 0) places.push_back(token.facts);
    }
    return places;
  }

  // Marks in this prompt are marks: it is a tool's, not a user's question.
  Status read_prompt() {
    std::string_view rest = a_.prompt;
    std::vector<TokenId> ids(a_.prompt.size() + 16);
    for (int picture = 0;; ++picture) {
      const std::size_t at = rest.find(kMedia);
      const int n = r_.tokenizer().encode(rest.substr(0, at), Special::parse, ids);
      if (n < 0) return Error{Code::usage, "has a word that is too long", "--prompt"};
      for (int i = 0; i < n; ++i) add_token(ids[static_cast<std::size_t>(i)]);
      if (at == std::string_view::npos) {
        if (picture == n_pictures()) return ok();
        return Error{Code::usage, "has another number of <__media__> than there are pictures", "--prompt",
                     picture, n_pictures()};
      }
      rest.remove_prefix(at + kMedia.size());
      if (picture >= n_pictures()) continue;  // told at the end, with the number
      SHRIKE_TRY_VOID(add_picture(picture));
    }
  }

  // Its rows and the marks of the chat format around them.
  Status add_picture(int picture) {
    const int n = r_.prompt().image(picture, r_.prompt_buffer(), grids_[static_cast<std::size_t>(picture)]);
    if (n < 0)
      return Error{Code::unsupported, "has more marks around a picture than around a frame", "the model"};
    for (const PromptToken& token : r_.prompt_buffer().first(static_cast<std::size_t>(n)))
      if (token.token >= 0)
        add_token(token.token);
      else
        add_image_position(token.facts);
    return ok();
  }
  int n_pictures() const { return static_cast<int>(grids_.size()); }

  Status write_tokens() {
    std::vector<std::int32_t> ids;
    for (const PromptToken& t : prompt_)
      ids.push_back(t.token >= 0 ? t.token : -1 - tile_of_row_[static_cast<std::size_t>(-1 - t.token)]);
    return write_npy(path("tokens.npy"), std::vector<std::int64_t>{static_cast<std::int64_t>(ids.size())},
                     std::span<const std::int32_t>(ids));
  }

  // Whether a row is of the picture that the one before it is of.
  bool goes_on(std::size_t row) const {
    return prompt_[row].token < 0 && !kv::begins_picture(prompt_[row].facts);
  }

  Status prefill() {
    std::vector<float> logits;
    if (a_.all_logits) {  // row by row: logits are kept of one chunk only
      for (std::size_t begin = 0, n = 1; begin < prompt_.size(); begin += n) {
        for (n = 1; both_ways_ && begin + n < prompt_.size() && goes_on(begin + n);) ++n;
        r_.run(std::span(prompt_).subspan(begin, n), image_rows_.data(), true);
        for (int back = static_cast<int>(n) - 1; back >= 0; --back)
          logits.insert(logits.end(), r_.logits(back), r_.logits(back) + n_vocab_);
      }
    } else {
      r_.run(prompt_, image_rows_.data(), true);
      logits.assign(r_.logits(), r_.logits() + n_vocab_);
    }
    const std::int64_t n_rows = static_cast<std::int64_t>(logits.size()) / n_vocab_;
    SHRIKE_TRY_VOID(write_npy(path("logits.npy"), std::vector<std::int64_t>{n_rows, n_vocab_},
                              std::span<const float>(logits)));
    return a_.evidence ? write_evidence() : ok();
  }

  Status write_evidence() {
    const kv::Memory::Shape& shape = r_.memory().shape();
    const int n_slots = r_.memory().n_live(0, 0);
    std::vector<float> entropy, mass;
    for (int layer = 0; layer < shape.n_layers; ++layer)
      for (int head = 0; head < shape.n_kv_heads; ++head) {
        const kv::Evidence& shown = r_.evidence()[layer];
        for (int c = 0; c < 2; ++c) {
          const kv::RowSums& s = shown.rows[2 * head + c];
          const float n = static_cast<float>(std::max(1, s.n_rows));
          entropy.insert(entropy.end(), {static_cast<float>(s.n_rows), s.entropy / n, s.class_entropy[0] / n,
                                         s.class_entropy[1] / n});
        }
        const float* row = shown.mass + static_cast<std::ptrdiff_t>(head) * shape.slots_max();
        mass.insert(mass.end(), row, row + n_slots);
      }
    SHRIKE_TRY_VOID(write_npy(path("entropy.npy"),
                              std::vector<std::int64_t>{shape.n_layers, shape.n_kv_heads, 2, 4},
                              std::span<const float>(entropy)));
    return write_npy(path("mass.npy"), std::vector<std::int64_t>{shape.n_layers, shape.n_kv_heads, n_slots},
                     std::span<const float>(mass));
  }

  Status decode() {
    std::vector<std::int32_t> tokens;
    std::vector<float> steps;
    for (int step = 0; step < a_.steps; ++step) {
      const float* logits = r_.logits();
      steps.insert(steps.end(), logits, logits + n_vocab_);
      const PromptToken next{greedy(logits, n_vocab_), {}};
      tokens.push_back(next.token);
      if (step + 1 < a_.steps) r_.run({&next, 1}, nullptr, true);
    }
    const std::int64_t n = static_cast<std::int64_t>(tokens.size());
    SHRIKE_TRY_VOID(
        write_npy(path("greedy.npy"), std::vector<std::int64_t>{n}, std::span<const std::int32_t>(tokens)));
    return write_npy(path("steps.npy"), std::vector<std::int64_t>{n, n_vocab_},
                     std::span<const float>(steps));
  }

  const Arguments& a_;
  Runtime& r_;
  int dim_, n_vocab_;
  bool both_ways_;
  int n_tiles_ = 0, n_image_positions_ = 0;
  std::vector<float> image_rows_;
  std::vector<int> tile_of_row_;
  std::vector<PromptToken> prompt_;
  std::vector<TileGrid> grids_;  // of the pictures
};

}  // namespace

Run add_trace(CLI::App& app) {
  auto a = std::make_shared<Arguments>();
  app.footer(kFooter);
  add_file_options(app, a->model);
  app.add_option("--tokens", a->tokens,
                 "The prompt as ids, 1,2,3, or an .npy file of int32; below 0: -1-k is a row of picture k");
  app.add_option("--prompt", a->prompt, "The prompt as text; <__media__> stands for a picture");
  app.add_option("--image", a->images, "A picture file; may come several times")->allow_extra_args(false);
  app.add_option("--pixels", a->pixels,
                 "A picture as an .npy file, f32 [side, side, 3], preprocessed; may come several times")
      ->allow_extra_args(false);
  app.add_option("-n,--predict", a->steps, "Greedy steps behind the prompt")
      ->capture_default_str()
      ->check(CLI::Range(1, 4096));
  app.add_flag("--all-logits", a->all_logits, "Logits of every prompt position");
  app.add_flag("--evidence", a->evidence,
               "What attention shows of the prompt's last chunk: entropies and column mass");
  add_picture_options(app, a->model);
  app.add_option("-o,--out", a->out, "Folder for the files; made if it is not there")->required();
  return [a] {
    if (a->tokens.empty() == a->prompt.empty())
      return fail(kUsage, "give --tokens or --prompt, one of them (see shrike trace --help)");
    a->model.pictures = true;
    Result<SessionOptions> options = session_options(a->model);
    if (!options) return fail(options.error());
    if (options->mmproj_path.empty() && !(a->images.empty() && a->pixels.empty()))
      return fail(kUsage, "--mmproj: pictures need the vision file of the model");
    options->kv_policy = "full";
    options->kv_budget_bytes = PTRDIFF_MAX / 4;  // as much as the whole context can use
    options->question_tokens_max = 1;
    options->answer_tokens_max = a->steps;
    options->evidence = a->evidence;
    std::error_code error;
    std::filesystem::create_directories(a->out, error);
    if (error) return fail(kIo, a->out + ": the folder cannot be made");
    Result<std::unique_ptr<Runtime>> runtime = Runtime::open(*options);
    if (!runtime) return fail(runtime.error());
    if (const Status done = Trace(*a, **runtime).run(); !done) return fail(done.error());
    return static_cast<int>(kOk);
  };
}

}  // namespace shrike::cli
