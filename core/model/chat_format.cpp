#include "core/model/chat_format.hpp"

#include <algorithm>
#include <cctype>

#include "core/kv/words.hpp"

namespace shrike {
namespace {

using Form = ChatFormat::Form;

constexpr std::string_view kIdefics = "<fake_token_around_image><global-img>{image}<fake_token_around_image>";
constexpr ChatFormat::Tiles kIdeficsTiles = {"", "<fake_token_around_image><row_{row}_col_{column}>", "\n",
                                             "\n\n<fake_token_around_image><global-img>"};
constexpr ChatFormat::Tiles kInternTiles = {"<img>", "", "", ""};
constexpr ChatFormat::Tiles kLfm2Tiles = {"<|image_start|>", "<|img_row_{row}_col_{column}|>", "",
                                          "<|img_thumbnail|>"};
constexpr std::string_view kIdeficsAnswer = "{question}<end_of_utterance>\nAssistant:";
constexpr ChatFormat::Again kIdeficsAgain = {"<end_of_utterance>\nUser:", "<end_of_utterance>\nUser: "};
constexpr std::string_view kChatMlUser = "<|im_start|>user\n";
constexpr std::string_view kChatMlAnswer = "{question}<|im_end|>\n<|im_start|>assistant\n";
constexpr ChatFormat::Again kChatMlAgain = {"<|im_end|>\n<|im_start|>user\n",
                                            "<|im_end|>\n<|im_start|>user\n"};
constexpr std::string_view kTimed = "{time} {image}\n";

// Where a family was taught video, `stream` is that (SmolVLM2's sentence names the number of frames and their
// duration, which a stream without end does not have); where not, the time stands before each picture.
constexpr ChatFormat kFormats[] = {
    // Files that bring words of their own, as the shipped model does.
    {"shrike",
     {"<|im_start|>{intro}", "", "<end_of_utterance>\nUser: {question}<end_of_utterance>\nAssistant:"},
     {"<|im_start|>{intro}", "", "<end_of_utterance>\nUser: {question}<end_of_utterance>\nAssistant:"},
     kIdefics,
     {}},
    {"smolvlm2",
     {"<|im_start|>User:", "{image}", kIdeficsAnswer},
     {"<|im_start|>User: You are provided the following series of frames from a video.\n",
      "\nFrame from {time}:{image}", "\n\n{question}<end_of_utterance>\nAssistant:"},
     kIdefics,
     kIdeficsAgain,
     &kIdeficsTiles},
    {"smolvlm",
     {"<|im_start|>User:", "{image}", kIdeficsAnswer},
     {"<|im_start|>User:", "{image}", kIdeficsAnswer},
     kIdefics,
     kIdeficsAgain,
     &kIdeficsTiles},
    {"qwen2-vl",
     {"<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n<|im_start|>user\n", "{image}",
      kChatMlAnswer},
     {"<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n<|im_start|>user\n", kTimed,
      kChatMlAnswer},
     "<|vision_start|>{image}<|vision_end|>",
     kChatMlAgain},
    {"internvl",
     {kChatMlUser, "{image}\n", kChatMlAnswer},
     {kChatMlUser, kTimed, kChatMlAnswer},
     "<img>{image}</img>",
     kChatMlAgain,
     &kInternTiles},
    {"lfm2-vl",
     {kChatMlUser, "{image}", kChatMlAnswer},
     {kChatMlUser, kTimed, kChatMlAnswer},
     "<|image_start|>{image}<|image_end|>",
     kChatMlAgain,
     &kLfm2Tiles},
    {"chatml",
     {kChatMlUser, "{image}\n", kChatMlAnswer},
     {kChatMlUser, kTimed, kChatMlAnswer},
     "{image}",
     kChatMlAgain},
    {"llava-1.5",
     {"USER: ", "{image}", "\n{question} ASSISTANT:"},
     {"USER: ", "\n{time} {image}", "\n{question} ASSISTANT:"},
     "{image}",
     {"</s>USER: ", "</s>USER: "}},
    {"vicuna",
     {"USER: ", "{image}", "{question}\nASSISTANT:"},
     {"USER: ", "\n{time} {image}", "\n{question}\nASSISTANT:"},
     "{image}",
     {"</s>\nUSER: ", "</s>\nUSER: "}},
    {"gemma",
     {"<start_of_turn>user\n", "{image}", "{question}<end_of_turn>\n<start_of_turn>model\n"},
     {"<start_of_turn>user\n", "{time}{image}", "{question}<end_of_turn>\n<start_of_turn>model\n"},
     "\n\n<start_of_image>{image}<end_of_image>\n\n",
     {"<end_of_turn>\n<start_of_turn>user\n", "<end_of_turn>\n<start_of_turn>user\n"}},
    {"plain", {"", "{image}\n", "{question}\n"}, {"", kTimed, "{question}\n"}, "{image}", {"\n", "\n"}},
};

// The first rule that holds names the format: the projector, and up to two marks; empty ones always hold.
constexpr struct Rule {
  std::string_view projector, mark, second_mark, format;
} kRules[] = {
    {"gemma3", "", "", "gemma"},
    {"qwen2vl_merger", "", "", "qwen2-vl"},
    {"qwen2.5vl_merger", "", "", "qwen2-vl"},
    {"qwen3vl_merger", "", "", "qwen2-vl"},
    {"internvl", "", "", "internvl"},
    {"lfm2", "", "", "lfm2-vl"},
    {"", "<|im_start|>", "<end_of_utterance>", "smolvlm2"},
    {"", "<start_of_turn>", "", "gemma"},
    {"", "<|vision_start|>", "", "qwen2-vl"},
    {"", "<|image_start|>", "", "lfm2-vl"},
    {"", "<img>", "<|im_start|>", "internvl"},
    {"mlp", "USER:", "ASSISTANT:", "llava-1.5"},
    {"", "USER:", "ASSISTANT:", "vicuna"},
    {"", "<|im_start|>", "", "chatml"},
};

const ChatFormat& named(std::string_view name) noexcept {
  return *std::find_if(std::begin(kFormats), std::end(kFormats),
                       [&](const ChatFormat& format) { return format.name == name; });
}

bool contains_ignoring_case(std::string_view text, std::string_view word) noexcept {
  const auto same = [](char a, char b) {
    return std::tolower(static_cast<unsigned char>(a)) == std::tolower(static_cast<unsigned char>(b));
  };
  return std::search(text.begin(), text.end(), word.begin(), word.end(), same) != text.end();
}

}  // namespace

std::span<const ChatFormat> chat_formats() noexcept { return kFormats; }

Result<const ChatFormat*> chat_format(std::string_view name) {
  std::vector<std::string_view> names;
  for (const ChatFormat& format : kFormats) {
    if (format.name == name) return &format;
    names.push_back(format.name);
  }
  return kv::usage("is no chat format that is known here", "--chat-format " + std::string(name.substr(0, 40)),
                   kv::there_are(name, names));
}

const ChatFormat& recognised_format(const gguf::File& file, const Tokenizer& tokenizer,
                                    std::string_view projector) noexcept {
  if (file.find("shrike.prompt.intro") != nullptr || file.find("shrike.prompt.frame") != nullptr)
    return named("shrike");
  const auto text_of = [&](std::string_view key) -> std::string_view {
    const gguf::Value* value = file.find(key);
    return value != nullptr && value->type == gguf::ValueType::string ? value->text : std::string_view{};
  };
  const std::string_view chat_template = text_of("tokenizer.chat_template");
  const auto has = [&](std::string_view mark) {
    return mark.empty() || (chat_template.empty() ? tokenizer.find(mark) >= 0
                                                  : chat_template.find(mark) != chat_template.npos);
  };
  for (const Rule& rule : kRules) {
    if (!rule.projector.empty() && rule.projector != projector) continue;
    if (!has(rule.mark) || !has(rule.second_mark)) continue;
    const std::string_view name = text_of("general.name");
    const bool first_smolvlm = rule.format == "smolvlm2" && contains_ignoring_case(name, "smolvlm") &&
                               !contains_ignoring_case(name, "smolvlm2");
    return named(first_smolvlm ? "smolvlm" : rule.format);
  }
  return named(projector == "mlp" && chat_template.empty() ? "llava-1.5" : "plain");
}

}  // namespace shrike
