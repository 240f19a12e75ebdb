#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <utility>

#include "platform/memory.hpp"
#include "platform/numeric.hpp"

namespace shrike {
namespace {

std::size_t page_bytes() noexcept { return static_cast<std::size_t>(sysconf(_SC_PAGESIZE)); }

Error open_error(int error, const std::string& path) {
  switch (error) {
    case ENOENT:
    case ENOTDIR:
      return Error{Code::missing, "no such file", path};
    case EACCES:
    case EPERM:
      return Error{Code::permission, "file may not be read", path};
    case EMFILE:
    case ENFILE:
      return Error{Code::resource, "no file descriptor left", path};
    default:
      return Error{Code::io, "file cannot be opened", path};
  }
}

// Every page becomes ours now. Written, not asked for by MADV_POPULATE_WRITE, which old kernels refuse and
// emulators ignore in silence.
void populate(std::byte* data, std::size_t size) noexcept {
  const std::size_t step = page_bytes();
  for (std::size_t at = 0; at < size; at += step) *const_cast<volatile std::byte*>(data + at) = std::byte{0};
}

// Closes at the end of the scope, whichever return was taken.
struct Descriptor {
  int fd;
  ~Descriptor() {
    if (fd >= 0) close(fd);
  }
};

}  // namespace

Result<MappedFile> MappedFile::open(const std::string& path) {
  // O_NONBLOCK: a pipe by that name must be refused, not waited for.
  const Descriptor file{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
  if (file.fd < 0) return open_error(errno, path);
  struct stat info {};
  if (fstat(file.fd, &info) != 0) return Error{Code::io, "file cannot be examined", path};
  if (S_ISDIR(info.st_mode)) return Error{Code::malformed, "is a directory, not a file", path};
  if (!S_ISREG(info.st_mode)) return Error{Code::malformed, "is not a regular file", path};
  if (info.st_size == 0) return Error{Code::malformed, "file is empty", path};
  if (static_cast<std::uint64_t>(info.st_size) > std::numeric_limits<std::size_t>::max())
    return Error{Code::resource, "file is larger than this machine can address", path};

  const auto size = static_cast<std::size_t>(info.st_size);
  void* data = mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file.fd, 0);
  if (data == MAP_FAILED) {
    const Code code = errno == ENOMEM ? Code::resource : Code::io;
    return Error{code, "file cannot be mapped", path};
  }
  MappedFile mapped;
  mapped.data_ = static_cast<const std::byte*>(data);
  mapped.size_ = size;
  mapped.path_ = path;
  return mapped;
}

MappedFile::MappedFile(MappedFile&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)),
      size_(std::exchange(other.size_, 0)),
      path_(std::exchange(other.path_, {})) {}

MappedFile& MappedFile::operator=(MappedFile&& other) noexcept {
  MappedFile taken(std::move(other));
  std::swap(data_, taken.data_);
  std::swap(size_, taken.size_);
  std::swap(path_, taken.path_);
  return *this;
}

MappedFile::~MappedFile() {
  if (data_ != nullptr) munmap(const_cast<std::byte*>(data_), size_);
}

void MappedFile::will_need() const noexcept {
  if (data_ != nullptr) madvise(const_cast<std::byte*>(data_), size_, MADV_WILLNEED);
}

bool MappedFile::lock() const noexcept { return data_ == nullptr || mlock(data_, size_) == 0; }

Result<Pages> Pages::reserve(std::size_t bytes, const PageOptions& options) {
  constexpr std::size_t kBytesMax = std::numeric_limits<std::ptrdiff_t>::max();
  const std::size_t page = page_bytes();
  const auto got = static_cast<std::int64_t>(bytes);
  if (bytes > kBytesMax - page) return Error{Code::resource, "memory beyond what can be addressed", "memory"};
  Pages pages;
  if (bytes == 0) return pages;

  const std::size_t size = align_up(bytes, page);
  void* data = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (data == MAP_FAILED)
    return Error{Code::resource, "the system has no such amount of memory", "memory", got, 0};
  pages.data_ = static_cast<std::byte*>(data);
  pages.size_ = size;
  if (options.huge) madvise(data, size, MADV_HUGEPAGE);
  if (options.populate) populate(pages.data_, size);
  if (options.lock && mlock(data, size) != 0) {
    rlimit limit{};
    getrlimit(RLIMIT_MEMLOCK, &limit);
    return Error{Code::resource, "memory may not be locked (ulimit -l)", "memory", got,
                 static_cast<std::int64_t>(limit.rlim_cur)};
  }
  return pages;
}

Pages::Pages(Pages&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}

Pages& Pages::operator=(Pages&& other) noexcept {
  Pages taken(std::move(other));
  std::swap(data_, taken.data_);
  std::swap(size_, taken.size_);
  return *this;
}

Pages::~Pages() {
  if (data_ != nullptr) munmap(data_, size_);
}

// May be asked while the runtime works, so no stream and no string: one read into the stack.
ProcessMemory process_memory() noexcept {
  const Descriptor file{::open("/proc/self/status", O_RDONLY | O_CLOEXEC)};
  if (file.fd < 0) return {};
  char text[8192];
  const ssize_t n = read(file.fd, text, sizeof(text) - 1);
  if (n <= 0) return {};
  text[n] = '\0';
  const auto bytes_of = [&text](const char* key) -> std::int64_t {
    const char* line = std::strstr(text, key);
    return line != nullptr ? std::strtoll(line + std::strlen(key), nullptr, 10) * 1024 : 0;
  };
  return {.resident = bytes_of("\nVmRSS:"),
          .anonymous = bytes_of("\nRssAnon:"),
          .shared = bytes_of("\nRssShmem:"),
          .peak_resident = bytes_of("\nVmHWM:")};
}

}  // namespace shrike
