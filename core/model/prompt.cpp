#include "core/model/prompt.hpp"

#include <algorithm>
#include <cstdio>

namespace shrike {
namespace {

constexpr std::string_view kOwnOpening =
    "User: You are provided the following series of frames from a video.\n";
constexpr std::string_view kOwnFrame =
    "\nFrame from {time}:<fake_token_around_image><global-img>{image}<fake_token_around_image>";
constexpr std::string_view kTime = "{time}", kImage = "{image}", kQuestion = "{question}", kIntro = "{intro}";
constexpr std::size_t kFormBytesMax = 256;  // of any built-in text

// What stands before and behind `part` in a form that has it once.
struct Cut {
  std::string_view before, after;
};
Cut cut(std::string_view form, std::string_view part) noexcept {
  const std::size_t at = form.find(part);
  if (at == form.npos) return {form, {}};
  return {form.substr(0, at), form.substr(at + part.size())};
}

// The next mark of a form at or behind `at`: < to >, nothing blank between; empty: none.
std::string_view next_mark(std::string_view form, std::size_t& at) noexcept {
  for (at = form.find('<', at); at != form.npos; at = form.find('<', at + 1)) {
    const std::size_t end = form.find_first_of("< \n>", at + 1);
    if (end != form.npos && form[end] == '>') return form.substr(at, end + 1 - at);
  }
  return {};
}

}  // namespace

// Text that is put together before it becomes tokens, because a tokenizer joins across every seam.
class Prompt::Words {
 public:
  Words& add(std::string_view text) noexcept {
    n_ += text.copy(text_ + n_, sizeof(text_) - n_);
    return *this;
  }
  Words& add_time(double seconds) noexcept {
    // Written so that a time that is no number is none: 0.
    const int total = seconds > 0.0 ? static_cast<int>(std::min(seconds, kSecondsMax)) : 0;
    char time[16];
    return add({time, static_cast<std::size_t>(
                          std::snprintf(time, sizeof(time), "%02d:%02d", total / 60, total % 60))});
  }
  // A form with {row} and {column}, or without either.
  Words& add_tile(std::string_view form, int row, int column) noexcept {
    const Cut around_row = cut(form, "{row}");
    if (around_row.before.size() == form.size()) return add(form);
    const Cut around_column = cut(around_row.after, "{column}");
    return add(around_row.before)
        .add_number(row + 1)
        .add(around_column.before)
        .add_number(column + 1)
        .add(around_column.after);
  }
  std::string_view text() const noexcept { return {text_, n_}; }

 private:
  Words& add_number(int number) noexcept {
    char digits[16];
    return add({digits, static_cast<std::size_t>(std::snprintf(digits, sizeof(digits), "%d", number))});
  }

  char text_[kFrameBytesMax + 3 * kFormBytesMax];
  std::size_t n_ = 0;
};

// Appends to a caller's buffer; once something did not fit, n() is -1 for good.
class Prompt::Writer {
 public:
  Writer(const Prompt& prompt, std::span<PromptToken> out, kv::TokenFacts facts)
      : prompt_(prompt), out_(out), facts_(facts) {}

  Writer& text(std::string_view words, Special special, Verbatim verbatim = {}) noexcept {
    const int n = prompt_.tokenizer_->encode(words, special, prompt_.scratch_, verbatim);
    for (int i = 0; i < n; ++i) put(prompt_.scratch_[static_cast<std::size_t>(i)], facts_);
    if (n < 0) n_ = -1;
    return *this;
  }
  Writer& mark(TokenId token) noexcept { return put(token, facts_); }
  // The rows of one tile of a grid, the first one at (row, column) of the grid's tiles.
  Writer& tile(TileGrid grid, int tile, int row, int column) noexcept {
    const TileLimits& tiles = prompt_.tiles_;
    const int n = tiles.tokens_of(grid, tile), across = tiles.width_of(grid, tile) / tiles.cell;
    const int tile_across = tiles.side / tiles.cell;
    kv::TokenFacts facts = facts_;
    facts.modality = kv::Modality::image;
    if (prompt_.grids_) facts.flags |= kv::kGrid;
    for (int k = 0; k < n; ++k) {
      facts.i = static_cast<std::uint8_t>(std::min(row * tile_across + k / across, 255));
      facts.j = static_cast<std::uint8_t>(std::min(column * tile_across + k % across, 255));
      put(image_row(tile * tiles.tile_tokens() + k), facts);
    }
    return *this;
  }
  int n() const noexcept { return n_; }

 private:
  Writer& put(TokenId token, const kv::TokenFacts& facts) noexcept {
    if (n_ >= 0) n_ = static_cast<std::size_t>(n_) < out_.size() ? n_ + 1 : -1;
    if (n_ > 0) out_[static_cast<std::size_t>(n_ - 1)] = {token, facts};
    return *this;
  }

  const Prompt& prompt_;
  std::span<PromptToken> out_;
  kv::TokenFacts facts_;
  int n_ = 0;
};

Result<Prompt> Prompt::make(const gguf::File& file, const Tokenizer& tokenizer, const TextConfig& config,
                            const Options& options, std::span<TokenId> scratch) {
  const ChatFormat& format = *options.format;
  const ChatFormat::Form& form = options.pictures ? format.pictures : format.stream;
  Prompt p;
  p.tokenizer_ = &tokenizer;
  p.scratch_ = scratch;
  p.tiles_ = options.tiles;
  p.grids_ = options.grids;
  p.format_ = &format;
  p.own_frame_ = form.frame.empty();
  for (const std::string_view text :
       {form.opening, form.frame, form.question, format.again.frame, format.again.question})
    SHRIKE_TRY_VOID(p.check_marks(file, text));
  const Status image_marks = p.check_marks(file, format.image);
  if (!image_marks && !p.own_frame_) return image_marks.error();

  p.opening_ = cut(form.opening, kIntro).before;
  if (form.opening.ends_with(kIntro))
    p.intro_ = config.prompt_intro.empty() ? kOwnOpening : config.prompt_intro;
  const Cut question = cut(form.question, kQuestion);
  p.before_question_ = question.before;
  p.after_question_ = question.after;
  const Cut image = cut(format.image, kImage);
  if (image_marks) {
    p.image_begin_ = image.before;
    p.image_end_ = image.after;
  }
  p.again_ = format.again;
  const std::string_view own = config.prompt_frame.empty() ? kOwnFrame : config.prompt_frame;
  SHRIKE_TRY_VOID(p.read_frame_form(file, p.own_frame_ ? own : form.frame));
  if (format.tiles != nullptr) p.count_tile_marks();
  return p;
}

Status Prompt::check_marks(const gguf::File& file, std::string_view form) const {
  std::size_t at = 0;
  for (std::string_view mark = next_mark(form, at); !mark.empty(); mark = next_mark(form, ++at))
    if (tokenizer_->find(mark) < 0)
      return file.error(Code::unsupported, "the vocabulary lacks a mark of the chat format", mark);
  return ok();
}

// Cuts the form at {time} and {image}.
Status Prompt::read_frame_form(const gguf::File& file, std::string_view form) {
  const auto refuse = [&](const char* rule) {
    return file.error(Code::malformed, rule, "shrike.prompt.frame");
  };
  if (form.size() > kFrameBytesMax) return refuse("the form of a frame is too long");
  for (const char* mark : {"<fake_token_around_image>", "<global-img>"})
    if (form.find(mark) != form.npos) SHRIKE_TRY_VOID(check_marks(file, mark));
  const std::size_t image = form.find(kImage);
  if (image == form.npos || form.find(kImage, image + 1) != form.npos)
    return refuse("{image} must stand in it once");
  after_image_ = form.substr(image + kImage.size());
  before_time_ = form.substr(0, image);
  const std::size_t time = before_time_.find(kTime);
  has_time_ = time != form.npos;
  if (form.find(kTime, has_time_ ? time + 1 : image) != form.npos)
    return refuse("{time} must stand in it at most once, before {image}");
  if (!has_time_) return ok();
  after_time_ = before_time_.substr(time + kTime.size());
  before_time_ = before_time_.substr(0, time);
  return ok();
}

void Prompt::count_tile_marks() noexcept {
  const ChatFormat::Tiles& tiles = *format_->tiles;
  const auto has_marks = [&](std::string_view form) {
    std::size_t at = 0;
    for (std::string_view mark = next_mark(form, at); !mark.empty(); mark = next_mark(form, ++at))
      if (tokenizer_->find(mark) < 0) return false;
    return true;
  };
  const auto has = [&](int row, int column) {
    return has_marks(Words().add_tile(tiles.tile, row, column).text());
  };
  if (!has_marks(tiles.begin) || !has_marks(tiles.whole)) return;
  for (int n = 0; n < kTilesAcrossMax; ++n) {
    for (int i = 0; i <= n; ++i)
      if (!has(n, i) || !has(i, n)) return;
    tiles_across_max_ = n + 1;
  }
}

int Prompt::opening(std::span<PromptToken> out) const noexcept {
  kv::TokenFacts facts;
  facts.flags = kv::kPinned;
  Writer writer(*this, out, facts);
  if (tokenizer_->add_bos() && tokenizer_->bos() >= 0 &&
      !opening_.starts_with(tokenizer_->text(tokenizer_->bos())))
    writer.mark(tokenizer_->bos());
  return writer.text(opening_, Special::parse).text(intro_, Special::as_text).n();
}

// The rows of a picture, tile by tile. `words` come before, and what is left in them is to come behind.
void Prompt::put_image(Words& words, Writer& writer, TileGrid grid, bool marks) const noexcept {
  const auto put_tile = [&](int tile, int row, int column) {
    writer.text(words.text(), Special::parse).tile(grid, tile, row, column);
    words = {};
  };
  const ChatFormat::Tiles* tiles = format_->tiles;
  for (int tile = 0; tile < grid.n_tiles() - 1; ++tile) {
    const int row = tile / grid.columns, column = tile % grid.columns;
    if (tile == 0) words.add(tiles->begin);
    if (column == 0 && row > 0) words.add(tiles->row_end);
    words.add_tile(tiles->tile, row, column);
    put_tile(tile, row, column);
  }
  if (!grid.single())
    words.add(tiles->whole);
  else if (marks)
    words.add(image_begin_);
  put_tile(grid.n_tiles() - 1, grid.rows, 0);
  if (marks) words.add(image_end_);
}

int Prompt::frame(double seconds, int number, std::span<PromptToken> out, TileGrid grid,
                  bool again) const noexcept {
  kv::TokenFacts facts;
  facts.frame = number;
  Writer writer(*this, out, facts);
  Words words;
  if (again) words.add(again_.frame);
  words.add(before_time_);
  if (has_time_) words.add_time(seconds).add(after_time_);
  put_image(words, writer, grid, !own_frame_);
  return writer.text(words.add(after_image_).text(), Special::parse).n();
}

int Prompt::image(int number, std::span<PromptToken> out, TileGrid grid) const noexcept {
  kv::TokenFacts facts;
  facts.frame = number;
  Writer writer(*this, out, facts);
  Words words;
  put_image(words, writer, grid, true);
  return writer.text(words.text(), Special::parse).n();
}

int Prompt::question(std::string_view text, std::span<PromptToken> out, bool again) const noexcept {
  if (text.size() > kQuestionBytesMax) return -1;
  char words[kQuestionBytesMax + 3 * kFormBytesMax];
  char* to = words;
  const auto add = [&](std::string_view part) { to = std::copy(part.begin(), part.end(), to); };
  if (again) add(again_.question);
  add(before_question_);
  const std::size_t begin = static_cast<std::size_t>(to - words);
  add(text);
  const Verbatim users{begin, begin + text.size()};
  add(after_question_);
  return Writer(*this, out, {})
      .text({words, static_cast<std::size_t>(to - words)}, Special::parse, users)
      .n();
}

}  // namespace shrike
