#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "platform/result.hpp"

namespace shrike {

// A file, mapped read-only. Moves, never copies; unmaps at the end of its life.
// Errors   missing, permission, io; malformed for an empty file or something that is not a regular file
class MappedFile {
 public:
  [[nodiscard]] static Result<MappedFile> open(const std::string& path);
  MappedFile() = default;
  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&& other) noexcept;
  ~MappedFile();

  std::span<const std::byte> bytes() const noexcept { return {data_, size_}; }
  const std::string& path() const noexcept { return path_; }
  void will_need() const noexcept;           // asks the kernel to read ahead; never fails
  [[nodiscard]] bool lock() const noexcept;  // pages stay resident; false when the limit forbids it

 private:
  const std::byte* data_ = nullptr;
  std::size_t size_ = 0;
  std::string path_;
};

struct PageOptions {
  bool populate = true;  // touch every page now, so that no first use waits for one
  bool lock = false;     // mlock; failure is an Error
  bool huge = false;     // ask for transparent huge pages; a hint
};

// Anonymous zeroed memory, whole pages, aligned to a page. The arena is one of these.
// Errors   resource
class Pages {
 public:
  [[nodiscard]] static Result<Pages> reserve(std::size_t bytes, const PageOptions& options);
  Pages() = default;
  Pages(Pages&& other) noexcept;
  Pages& operator=(Pages&& other) noexcept;
  ~Pages();

  std::byte* data() const noexcept { return data_; }
  std::size_t size() const noexcept { return size_; }  // rounded up to pages

 private:
  std::byte* data_ = nullptr;
  std::size_t size_ = 0;
};

// What the system says this process holds, in bytes; 0 where it does not say.
struct ProcessMemory {
  std::int64_t resident = 0;       // VmRSS
  std::int64_t anonymous = 0;      // RssAnon: what a plan must account for,
  std::int64_t shared = 0;         // RssShmem: and this, a camera's ring
  std::int64_t peak_resident = 0;  // VmHWM
};
[[nodiscard]] ProcessMemory process_memory() noexcept;

}  // namespace shrike
