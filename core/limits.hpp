#pragma once

#include <cstddef>
#include <cstdint>

// Every maximum of the program, each with its reason. A file or an option beyond one is refused with the
// number.
namespace shrike::limits {

// GGUF files: far above any real file, far below what makes a reader slow or an index overflow.
inline constexpr std::uint64_t kKeysMax = 4096;      // real files have 20 to 60
inline constexpr std::uint64_t kTensorsMax = 16384;  // real files have up to a few thousand
inline constexpr std::uint64_t kNameBytesMax = 64;   // ggml's own bound, terminator included
inline constexpr std::uint64_t kKeyBytesMax = 1024;
inline constexpr std::uint64_t kDimsMax = 4;
inline constexpr std::uint64_t kAlignmentMax = 65536;

// Models: SmolVLM class and some room above it.
inline constexpr int kLayersMax = 256;
inline constexpr int kHeadsMax = 256;
inline constexpr int kHeadDimMax = 256;
inline constexpr int kDimMax = 16384;
inline constexpr int kFeedForwardMax = 65536;
inline constexpr int kVocabMax = 1 << 20;
inline constexpr int kContextMax = 1 << 20;
inline constexpr int kImageSideMax = 4096;  // of one tile, pixels
inline constexpr int kPatchesMax = 16384;   // of one tile
inline constexpr int kTilesMax = 64;        // of one picture; models are made for up to 40
inline constexpr int kConvMax = 16;         // rows that a short convolution mixes; real ones 3
inline constexpr int kDeepstackMax = 8;     // layers of a tower that also give rows; real ones are 3

// Tokenizer
inline constexpr std::uint64_t kTokenBytesMax = 1024;  // the longest real token is a run of spaces
inline constexpr std::uint64_t kMergesMax = 1 << 21;
inline constexpr int kSpecialTokensMax = 16384;  // Gemma 3 has above 6,000, most of them unused

// Session
inline constexpr int kThreadsMax = 64;
inline constexpr int kQuestionTokensMax = 4096;  // what --question-tokens may ask for
inline constexpr int kAnswerTokensMax = 4096;
inline constexpr int kChunkMax = 512;  // rows through the decoder together

// Camera
inline constexpr int kFrameSideMax = 8192;  // pixels of a captured frame, each side
inline constexpr int kRingSlotsMax = 64;

}  // namespace shrike::limits
