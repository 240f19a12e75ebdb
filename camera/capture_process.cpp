#include "camera/capture_process.hpp"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <string_view>
#include <utility>

#include "camera/source.hpp"
#include "platform/clock.hpp"

namespace shrike {
namespace {

constexpr const char* kProgram = "shrike-capture";
constexpr int kRingFd = 3;
constexpr std::int64_t kLastWaitNs = 2'000'000'000;

// Read by OpenCV while its libraries are loaded, too early for the capture process. A user's own wins.
constexpr std::array<std::string_view, 3> kEnvironment = {
    "OPENCV_LOG_LEVEL=SILENT", "OPENCV_IO_MAX_IMAGE_WIDTH=8192", "OPENCV_IO_MAX_IMAGE_HEIGHT=8192"};

bool runnable(const std::string& path) { return access(path.c_str(), X_OK) == 0; }

std::string our_folder() {  // with its slash
  std::array<char, 4096> self{};
  const ssize_t n = readlink("/proc/self/exe", self.data(), self.size());
  if (n <= 0) return "";
  const std::string_view path(self.data(), static_cast<std::size_t>(n));
  return std::string(path.substr(0, path.rfind('/') + 1));
}

std::string in_path() {
  const char* variable = std::getenv("PATH");
  std::string_view rest = variable != nullptr ? variable : "";
  while (!rest.empty()) {
    const std::size_t colon = rest.find(':');
    const std::string path = std::string(rest.substr(0, colon)) + "/" + kProgram;
    if (rest[0] == '/' && runnable(path)) return path;  // never from wherever we happen to stand
    rest = colon == rest.npos ? "" : rest.substr(colon + 1);
  }
  return "";
}

std::string find_program(const std::string& wanted) {
  if (!wanted.empty()) return runnable(wanted) ? wanted : "";
  const std::string folder = our_folder();
  for (const char* place : {"", "../libexec/shrike/"})
    if (const std::string path = folder + place + kProgram; runnable(path)) return path;
  return in_path();
}

// What the child is born with: our two descriptors and the standard outputs, default signals, and a group of
// its own, so that a ^C at the terminal ends the runtime first. A class because each part must be given back.
class Birth {
 public:
  Birth(int ring_fd, int argument_fd) noexcept {
    error_ = posix_spawn_file_actions_init(&actions_);
    if (error_ != 0) return;
    error_ = posix_spawnattr_init(&attributes_);
    if (error_ != 0) {
      posix_spawn_file_actions_destroy(&actions_);
      return;
    }
    sigset_t none;
    sigset_t all;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawnattr_setflags(&attributes_,
                             POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
    posix_spawnattr_setsigmask(&attributes_, &none);
    posix_spawnattr_setsigdefault(&attributes_, &all);
    posix_spawnattr_setpgroup(&attributes_, 0);
    error_ = posix_spawn_file_actions_adddup2(&actions_, argument_fd, STDIN_FILENO);
    if (error_ == 0) error_ = posix_spawn_file_actions_adddup2(&actions_, ring_fd, kRingFd);
    if (error_ == 0) error_ = posix_spawn_file_actions_addclosefrom_np(&actions_, kRingFd + 1);
    made_ = true;
  }
  Birth(const Birth&) = delete;
  Birth& operator=(const Birth&) = delete;
  ~Birth() {
    if (!made_) return;
    posix_spawn_file_actions_destroy(&actions_);
    posix_spawnattr_destroy(&attributes_);
  }

  int spawn(pid_t& pid, const char* program, char* const* arguments,
            char* const* environment) const noexcept {
    return error_ != 0 ? error_ : posix_spawn(&pid, program, &actions_, &attributes_, arguments, environment);
  }

 private:
  posix_spawn_file_actions_t actions_{};
  posix_spawnattr_t attributes_{};
  int error_ = 0;
  bool made_ = false;
};

}  // namespace

Result<CaptureProcess> CaptureProcess::prepare(const std::string& program, const std::string& argument) {
  const char* named = std::getenv("SHRIKE_CAPTURE");
  const std::string wanted = program.empty() && named != nullptr ? named : program;
  CaptureProcess process;
  process.program_ = find_program(wanted);
  if (process.program_.empty()) {
    Error error{Code::missing, "no such capture program", wanted.empty() ? kProgram : wanted};
    error.hint = "cameras, clips and pictures need it, synthetic:seed=7 does not";
    return error;
  }
  process.argument_ = argument;
  process.shown_ = redacted(argument);
  for (char** variable = environ; *variable != nullptr; ++variable)
    process.environment_.emplace_back(*variable);
  for (const std::string_view variable : kEnvironment) {
    const std::string name(variable.substr(0, variable.find('=')));
    if (std::getenv(name.c_str()) == nullptr) process.environment_.emplace_back(variable);
  }
  for (std::string& variable : process.environment_) process.environment_pointers_.push_back(variable.data());
  process.environment_pointers_.push_back(nullptr);
  return process;
}

CaptureProcess::CaptureProcess(CaptureProcess&& other) noexcept { *this = std::move(other); }

CaptureProcess& CaptureProcess::operator=(CaptureProcess&& other) noexcept {
  std::swap(program_, other.program_);
  std::swap(argument_, other.argument_);
  std::swap(shown_, other.shown_);
  std::swap(environment_, other.environment_);
  std::swap(environment_pointers_, other.environment_pointers_);
  std::swap(pid_, other.pid_);
  std::swap(status_, other.status_);
  std::swap(lifeline_, other.lifeline_);
  return *this;
}

// A process that is stuck inside the kernel is left to it: it cannot run any more instruction of its own.
CaptureProcess::~CaptureProcess() {
  kill();
  int status = 0;
  const std::int64_t deadline = monotonic_ns() + kLastWaitNs;
  while (!gone(status) && monotonic_ns() < deadline) sleep_ns(1'000'000);
  if (lifeline_ >= 0) close(lifeline_);
}

int CaptureProcess::start(int ring_fd) noexcept {
  SHRIKE_CHECK(pid_ < 0);
  if (lifeline_ >= 0) close(std::exchange(lifeline_, -1));
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return errno;
  // Written before anyone can be gone from the other end, so there is no SIGPIPE.
  const std::size_t n = argument_.size() + 1;
  int error = write(ends[1], argument_.c_str(), n) == static_cast<ssize_t>(n) ? 0 : EIO;
  pid_t pid = -1;
  if (error == 0) {
    std::array<char*, 3> arguments = {program_.data(), shown_.data(), nullptr};
    error =
        Birth(ring_fd, ends[0]).spawn(pid, program_.c_str(), arguments.data(), environment_pointers_.data());
  }
  close(ends[0]);
  lifeline_ = ends[1];
  if (error == 0) pid_ = pid;
  status_ = 0;
  return error;
}

void CaptureProcess::kill() noexcept {
  if (pid_ < 0) return;
  ::kill(-pid_, SIGKILL);
  ::kill(pid_, SIGKILL);  // before the child has its group there is only itself
}

bool CaptureProcess::gone(int& status) noexcept {
  if (pid_ >= 0) {
    int now = 0;
    const pid_t pid = waitpid(pid_, &now, WNOHANG);
    if (pid == 0 || (pid < 0 && errno == EINTR)) return false;
    // ECHILD: the host program collects all children itself, or has them ignored. Gone, and nobody tells how.
    status_ = pid > 0 ? now : 0;
    pid_ = -1;
  }
  status = status_;
  return true;
}

}  // namespace shrike
