// Watches half a minute of a little drawn world, then asks:  watch_world TEXT.gguf MMPROJ.gguf QUESTION
#include <cstdio>
#include <vector>

#include "camera/preprocess.hpp"
#include "camera/source.hpp"
#include "core/session.hpp"

namespace {

struct alignas(64) Line {
  std::byte bytes[64];
};

int fail(const shrike::Error& error) {
  std::fprintf(stderr, "watch_world: %s: %s\n", error.subject.c_str(), error.rule);
  return 1;
}

bool print(void*, std::string_view piece) {
  std::printf("%.*s", static_cast<int>(piece.size()), piece.data());
  return true;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) return std::fprintf(stderr, "usage: watch_world TEXT.gguf MMPROJ.gguf QUESTION\n"), 64;
  shrike::SourceOptions from;  // a file, a camera or a URL work alike, with shrike-capture installed
  from.argument = "synthetic:seed=7,frames=16";
  from.fps = 0.5;
  const auto source = shrike::Source::open(from);
  if (!source) return fail(source.error());

  shrike::SessionOptions options;
  options.model_path = argv[1];
  options.mmproj_path = argv[2];
  options.kv_budget_bytes = 2 << 20;  // all that will ever be remembered fits in here
  const auto session = shrike::Session::open(options);
  if (!session) return fail(session.error());
  const shrike::ImageInput image = (*session)->image_input();
  const shrike::Preprocessor::Whole whole{image.shortest, image.longest};
  std::vector<Line> memory(
      shrike::Preprocessor::bytes_needed(1920, 1080, image.side, image.filter, 1, whole) / sizeof(Line) + 1);
  shrike::Preprocessor preprocess((*session)->runtime().kernels(), memory.data()->bytes, 1920, 1080,
                                  image.side, image.filter, 1, whole);

  for (shrike::Frame frame; (*source)->take(frame, 1'000'000'000) == shrike::Take::frame;
       (*source)->release())
    if (preprocess(frame, image)) (*session)->see(frame.seconds);
  (*session)->ask(argv[3], print, nullptr);
  std::printf("\n");
}
