#pragma once

#include <string>

#include "core/session.hpp"

namespace shrike::test {

// The shipped model, and pictures to show it that need no file.
inline SessionOptions perch_options(const std::string& type = "f16") {
  SessionOptions options;
  options.model_path = std::string(SHRIKE_SOURCE_DIR) + "/models/perch/perch-" + type + ".gguf";
  options.mmproj_path = std::string(SHRIKE_SOURCE_DIR) + "/models/perch/mmproj-perch-" + type + ".gguf";
  options.n_threads = 1;
  return options;
}

// Frame n of a moving pattern: a square that wanders over a dim gradient, so that no two neighbours are
// alike.
inline void paint(const ImageInput& image, int n) {
  const int side = image.side;
  for (int c = 0; c < 3; ++c)
    for (int y = 0; y < side; ++y)
      for (int x = 0; x < side; ++x) {
        const bool inside =
            (x + 64 * 1000 - 3 * n) % side < side / 4 && (y + 64 * 1000 - 5 * n) % side < side / 4;
        const float pixel =
            inside ? (c == n % 3 ? 230.0f : 40.0f) : static_cast<float>(60 + (x + 2 * y) % 40);
        image.planes[(c * side + y) * side + x] = pixel * image.scale[c] + image.shift[c];
      }
}

inline std::string answer(Session& session, std::string_view question, AskResult* result = nullptr) {
  std::string text;
  const AskResult r = session.ask(
      question,
      [](void* context, std::string_view piece) {
        static_cast<std::string*>(context)->append(piece);
        return true;
      },
      &text);
  if (result != nullptr) *result = r;
  return text;
}

}  // namespace shrike::test
