#include "core/model/prompt.hpp"

#include <algorithm>
#include <cstdio>

namespace shrike {
namespace {

constexpr std::string_view kVideoOpening =
    "User: You are provided the following series of frames from a video.\n";
constexpr std::string_view kFrameForm =
    "\nFrame from {time}:<fake_token_around_image><global-img>{image}<fake_token_around_image>";
constexpr std::string_view kTime = "{time}", kImage = "{image}";

}  // namespace

// Appends to a caller's buffer; once something did not fit, n() is -1 for good.
class Prompt::Writer {
 public:
  Writer(const Prompt& prompt, std::span<PromptToken> out, kv::TokenFacts facts)
      : prompt_(prompt), out_(out), facts_(facts) {}

  Writer& text(std::string_view words, Special special = Special::as_text) noexcept {
    const int n = prompt_.tokenizer_->encode(words, special, prompt_.scratch_);
    for (int i = 0; i < n; ++i) put(prompt_.scratch_[static_cast<std::size_t>(i)], facts_);
    if (n < 0) n_ = -1;
    return *this;
  }
  Writer& mark(TokenId token) noexcept { return put(token, facts_); }
  Writer& put(TokenId token, const kv::TokenFacts& facts) noexcept {
    if (n_ >= 0) n_ = static_cast<std::size_t>(n_) < out_.size() ? n_ + 1 : -1;
    if (n_ > 0) out_[static_cast<std::size_t>(n_ - 1)] = {token, facts};
    return *this;
  }
  int n() const noexcept { return n_; }

 private:
  const Prompt& prompt_;
  std::span<PromptToken> out_;
  kv::TokenFacts facts_;
  int n_ = 0;
};

Result<Prompt> Prompt::make(const gguf::File& file, const Tokenizer& tokenizer, const TextConfig& config,
                            int n_image_tokens, std::span<TokenId> scratch) {
  Prompt p;
  p.tokenizer_ = &tokenizer;
  p.opening_ = config.prompt_intro.empty() ? kVideoOpening : config.prompt_intro;
  p.n_image_tokens_ = n_image_tokens;
  p.scratch_ = scratch;
  const struct {
    std::string_view text;
    TokenId* id;
  } marks[] = {{"<|im_start|>", &p.im_start_}, {"<end_of_utterance>", &p.end_of_utterance_}};
  for (const auto& mark : marks) {
    *mark.id = tokenizer.find(mark.text);
    if (*mark.id < 0)
      return file.error(Code::unsupported, "the vocabulary lacks a mark of the SmolVLM prompt", mark.text);
  }
  SHRIKE_TRY_VOID(p.read_frame_form(file, config.prompt_frame.empty() ? kFrameForm : config.prompt_frame));
  return p;
}

// Cuts the form at {time} and {image}.
Status Prompt::read_frame_form(const gguf::File& file, std::string_view form) {
  const auto refuse = [&](const char* rule) {
    return file.error(Code::malformed, rule, "shrike.prompt.frame");
  };
  if (form.size() > kFrameBytesMax) return refuse("the form of a frame is too long");
  for (const char* mark : {"<fake_token_around_image>", "<global-img>"})
    if (form.find(mark) != form.npos && tokenizer_->find(mark) < 0)
      return file.error(Code::unsupported, "the vocabulary lacks a mark of the SmolVLM prompt", mark);
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

int Prompt::opening(std::span<PromptToken> out) const noexcept {
  kv::TokenFacts facts;
  facts.flags = kv::kPinned;
  return Writer(*this, out, facts).mark(im_start_).text(opening_).n();
}

int Prompt::frame(double seconds, int number, std::span<PromptToken> out) const noexcept {
  char words[kFrameBytesMax + 16];
  char* to = std::copy(before_time_.begin(), before_time_.end(), words);
  if (has_time_) {
    // Written so that a time that is no number is none: 0.
    const int total = seconds > 0.0 ? static_cast<int>(std::min(seconds, kSecondsMax)) : 0;
    to += std::snprintf(to, 16, "%02d:%02d", total / 60, total % 60);
    to = std::copy(after_time_.begin(), after_time_.end(), to);
  }

  kv::TokenFacts facts;
  facts.frame = number;
  Writer writer(*this, out, facts);
  writer.text({words, static_cast<std::size_t>(to - words)}, Special::parse);
  int columns = 1;  // of the grid of image tokens, which is square
  while (columns * columns < n_image_tokens_) ++columns;
  facts.modality = kv::Modality::image;
  for (int k = 0; k < n_image_tokens_; ++k) {
    facts.i = static_cast<std::uint8_t>(k / columns);
    facts.j = static_cast<std::uint8_t>(k % columns);
    writer.put(image_row(k), facts);
  }
  return writer.text(after_image_, Special::parse).n();
}

int Prompt::question(std::string_view text, std::span<PromptToken> out) const noexcept {
  // A chat's turn is one text, "\nUser: " and the question together: a tokenizer may join across the seam.
  constexpr std::string_view kTurn = "\nUser: ";
  if (text.size() > kQuestionBytesMax) return -1;
  char words[kTurn.size() + kQuestionBytesMax];
  char* to = std::copy(kTurn.begin(), kTurn.end(), words);
  to = std::copy(text.begin(), text.end(), to);
  return Writer(*this, out, {})
      .mark(end_of_utterance_)
      .text({words, static_cast<std::size_t>(to - words)})
      .mark(end_of_utterance_)
      .text("\nAssistant:")
      .n();
}

}  // namespace shrike
