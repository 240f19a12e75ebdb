#pragma once

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "core/session.hpp"
#include "tests/support/tiny_model.hpp"

namespace shrike::test {

// The tiny pair as files, for what is true of any model: it costs a hundredth of a real one, which an emulator
// or a sanitizer makes a hundred times slower. One set of files per process, gone with it.
class TinyFiles {
 public:
  TinyFiles()
      : folder_(std::filesystem::temp_directory_path() / ("shrike-tiny-" + std::to_string(getpid()))) {
    std::filesystem::create_directories(folder_);
    for (const DType type : {DType::f16, DType::q8_0}) {
      GgufWriter text = tiny_text(type);
      text.set("llama.context_length", 1024u);
      write(path("", type), text.bytes());
      write(path("mmproj-", type), tiny_vision(type).bytes());
    }
  }
  ~TinyFiles() { std::filesystem::remove_all(folder_); }
  TinyFiles(const TinyFiles&) = delete;

  std::string path(const std::string& prefix, DType type) const {
    return folder_ / (prefix + (type == DType::f16 ? "f16" : "q8_0") + ".gguf");
  }

 private:
  static void write(const std::string& path, const Bytes& bytes) {
    std::ofstream(path, std::ios::binary)
        .write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
  }

  std::filesystem::path folder_;
};

inline SessionOptions tiny_options(DType type = DType::f16) {
  static const TinyFiles files;
  SessionOptions options;
  options.model_path = files.path("", type);
  options.mmproj_path = files.path("mmproj-", type);
  options.n_threads = 1;
  return options;
}

}  // namespace shrike::test
