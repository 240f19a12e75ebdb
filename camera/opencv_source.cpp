#include "camera/opencv_source.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <cmath>
#include <cstdlib>
#include <opencv2/core.hpp>
#include <opencv2/imgcodecs.hpp>
#include <opencv2/imgproc.hpp>
#include <opencv2/videoio.hpp>
#include <opencv2/videoio/registry.hpp>
#include <string_view>
#include <utility>
#include <vector>

namespace shrike {
namespace {

constexpr double kPictureFps = 1;  // of folders and pictures when nobody says
constexpr double kVideoFps = 25;   // of files that do not tell
constexpr const char* kNotVideo = "not a video that OpenCV reads";

// Containers that people film in. FFmpeg knows hundreds more: text files as animations, playlists that open
// other files; a file from a stranger shall not choose among those.
constexpr const char* kFileOptions =
    "format_whitelist;mov,matroska,avi,mpegts,mpeg,flv,asf,ogg,ivf,nut,mxf,dv,gif,mjpeg,h264,hevc,m4v,"
    "mpegvideo,"
    "yuv4mpegpipe";
constexpr const char* kUrlOptions = "rtsp_transport;tcp";  // UDP loses packets, and frames with them

template <class Fn>
bool guarded(Fn&& fn) noexcept {
  try {
    return fn();
  } catch (...) {
    return false;
  }
}

// What videos and pictures have in common once a frame is decoded.
class Decoded : public PictureSource {
 public:
  Size size(const RingShape& shape) const noexcept override {
    const double scale = std::min({1.0, static_cast<double>(shape.width_max) / frame_.cols,
                                   static_cast<double>(shape.height_max) / frame_.rows});
    const auto scaled = [scale](int side, int max) {
      return std::clamp(static_cast<int>(std::lround(side * scale)), 1, max);
    };
    return {scaled(frame_.cols, shape.width_max), scaled(frame_.rows, shape.height_max)};
  }

  bool write(std::uint8_t* pixels, Size size) noexcept override {
    return guarded([&] {
      const cv::Mat* source = &frame_;
      if (size.width != frame_.cols || size.height != frame_.rows) {
        cv::resize(frame_, scaled_, cv::Size(size.width, size.height), 0, 0, cv::INTER_AREA);
        source = &scaled_;
      }
      cv::Mat slot(size.height, size.width, CV_8UC3, pixels);
      cv::cvtColor(*source, slot, to_rgb(*source));
      return slot.data == pixels;
    });
  }

 protected:
  bool whole() const noexcept { return !frame_.empty() && frame_.depth() == CV_8U && to_rgb(frame_) >= 0; }

  cv::Mat frame_;  // BGR, BGRA or grey, as the decoder likes
  cv::Mat scaled_;

 private:
  static int to_rgb(const cv::Mat& mat) noexcept {
    switch (mat.channels()) {
      case 1:
        return cv::COLOR_GRAY2RGB;
      case 3:
        return cv::COLOR_BGR2RGB;
      case 4:
        return cv::COLOR_BGRA2RGB;
      default:
        return -1;
    }
  }
};

class Video final : public Decoded {
 public:
  Video(bool live, std::string what, int backend, std::vector<int> parameters)
      : live_(live), what_(std::move(what)), backend_(backend), parameters_(std::move(parameters)) {}

  bool open() noexcept {
    return guarded([&] {
      capture_.release();
      if (!capture_.open(what_, backend_, parameters_)) return false;
      const double fps = capture_.get(cv::CAP_PROP_FPS);
      period_ = fps > 0.01 && fps < 1000 ? 1 / fps : 0;
      if (period_ == 0 && !live_) period_ = 1 / kVideoFps;
      seconds_ = -1;
      expected_ = 0;
      return true;
    });
  }

  // Some decoders forget the time of the last frames; it goes on by the rate then, and never back.
  bool grab() noexcept override {
    return guarded([&] {
      if (!capture_.grab()) return false;
      const double told = capture_.get(cv::CAP_PROP_POS_MSEC) / 1000;
      seconds_ = std::isfinite(told) && told >= 0 && told > seconds_ ? told : expected_;
      expected_ = seconds_ + period_;
      return true;
    });
  }
  double seconds() const noexcept override { return seconds_; }
  double period() const noexcept override { return period_; }
  bool decode() noexcept override {
    return guarded([&] { return capture_.retrieve(frame_) && whole(); });
  }

  std::uint64_t seek(std::uint64_t index) noexcept override {
    const bool there = guarded([&] {
      return open() && index > 0 && capture_.set(cv::CAP_PROP_POS_FRAMES, static_cast<double>(index)) &&
             capture_.get(cv::CAP_PROP_POS_FRAMES) == static_cast<double>(index);
    });
    if (!there) {
      static_cast<void>(open());
      return 0;
    }
    seconds_ = 0;
    expected_ = static_cast<double>(index) * period_;
    return index;
  }

 private:
  bool live_;
  std::string what_;
  int backend_;
  std::vector<int> parameters_;
  cv::VideoCapture capture_;
  double seconds_ = -1;
  double expected_ = 0;  // of the next frame, should nobody tell
  double period_ = 0;
};

// JPEG, PNG, BMP, WebP and PNM by their first bytes, whatever the name says: OpenCV knows more kinds than
// anyone needs.
bool is_picture(const std::string& path) noexcept {
  std::array<char, 12> bytes{};
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return false;
  const ssize_t n = ::read(fd, bytes.data(), bytes.size());
  ::close(fd);
  const std::string_view head(bytes.data(), n > 0 ? static_cast<std::size_t>(n) : 0);
  if (head.size() < bytes.size()) return false;
  const bool pnm = head[0] == 'P' && head[1] >= '1' && head[1] <= '6' &&
                   (head[2] == '\n' || head[2] == ' ') &&
                   (head[3] == '#' || (head[3] >= '0' && head[3] <= '9'));
  return pnm || head.starts_with("\xff\xd8\xff") || head.starts_with("\x89PNG\r\n\x1a\n") ||
         head.starts_with("BM") || (head.starts_with("RIFF") && head.substr(8) == "WEBP");
}

class Pictures final : public Decoded {
 public:
  Pictures(std::vector<std::string> paths, double fps) : paths_(std::move(paths)), period_(1 / fps) {}

  bool grab() noexcept override {
    if (next_ == paths_.size()) return false;
    ++next_;
    return true;
  }
  double seconds() const noexcept override { return static_cast<double>(next_ - 1) * period_; }
  double period() const noexcept override { return period_; }
  bool decode() noexcept override {
    return guarded([&] {
      const std::string& path = paths_[next_ - 1];
      if (!is_picture(path)) return false;
      frame_ = cv::imread(path, cv::IMREAD_COLOR);
      return whole();
    });
  }
  std::uint64_t seek(std::uint64_t index) noexcept override {
    return next_ = std::min<std::size_t>(index, paths_.size());
  }

 private:
  std::vector<std::string> paths_;
  std::size_t next_ = 0;
  double period_;
};

// "frame 9.png" before "frame 10.png": runs of digits are compared as numbers of any length.
bool natural_less(const std::string& a, const std::string& b) {
  const auto digit = [](const std::string& s, std::size_t i) {
    return i < s.size() && s[i] >= '0' && s[i] <= '9';
  };
  std::size_t i = 0;
  std::size_t j = 0;
  while (i < a.size() && j < b.size()) {
    if (!digit(a, i) || !digit(b, j)) {
      if (a[i] != b[j]) return a[i] < b[j];
      ++i, ++j;
      continue;
    }
    while (a[i] == '0' && digit(a, i + 1)) ++i;
    while (b[j] == '0' && digit(b, j + 1)) ++j;
    std::size_t n = 0;
    std::size_t m = 0;
    while (digit(a, i + n)) ++n;
    while (digit(b, j + m)) ++m;
    if (n != m) return n < m;
    const int order = a.compare(i, n, b, j, m);
    if (order != 0) return order < 0;
    i += n, j += m;
  }
  return a.size() - i < b.size() - j || (a.size() - i == b.size() - j && a < b);
}

bool picture_name(std::string_view name) {
  const std::size_t dot = name.rfind('.');
  if (name.starts_with('.') || dot == name.npos) return false;
  std::string end(name.substr(dot + 1));
  std::transform(end.begin(), end.end(), end.begin(), [](unsigned char c) { return std::tolower(c); });
  constexpr std::array<std::string_view, 6> kEnds = {"png", "jpg", "jpeg", "bmp", "webp", "ppm"};
  return std::count(kEnds.begin(), kEnds.end(), end) > 0;
}

std::vector<std::string> list_pictures(const std::string& folder) {
  std::vector<std::string> paths;
  DIR* directory = opendir(folder.c_str());
  if (directory == nullptr) return paths;
  while (const dirent* entry = readdir(directory))
    if (picture_name(entry->d_name)) paths.push_back(folder + "/" + entry->d_name);
  closedir(directory);
  std::sort(paths.begin(), paths.end(), natural_less);
  return paths;
}

std::string cannot_open(const std::string& argument, const char* reason) {
  return "cannot open " + redacted(argument) + ": " + reason;
}

std::unique_ptr<PictureSource> open_video(SourceKind kind, const std::string& argument, std::string what,
                                          int backend, std::vector<int> parameters, const char* reason,
                                          std::string& why) {
  const std::vector<cv::VideoCaptureAPIs> there = cv::videoio_registry::getBackends();
  const bool known = std::count(there.begin(), there.end(), static_cast<cv::VideoCaptureAPIs>(backend)) > 0;
  if (!known && backend == cv::CAP_FFMPEG) {  // whatever else this OpenCV has may try, without the parameters
    backend = cv::CAP_ANY;
    parameters.clear();
  } else if (!known) {
    why = cannot_open(argument, "this OpenCV was built without what it takes");
    return nullptr;
  }
  auto video = std::make_unique<Video>(is_live(kind), std::move(what), backend, std::move(parameters));
  if (video->open()) return video;
  why = cannot_open(argument, reason);
  return nullptr;
}

std::unique_ptr<PictureSource> open_file(const std::string& path, double fps, std::string& why) {
  struct stat info {};
  if (stat(path.c_str(), &info) != 0 || access(path.c_str(), R_OK) != 0) {
    why = cannot_open(path, strerrordesc_np(errno));
    return nullptr;
  }
  if (S_ISREG(info.st_mode) && info.st_size == 0) {
    why = cannot_open(path, "the file is empty");
    return nullptr;
  }
  if (S_ISREG(info.st_mode) && is_picture(path)) return std::make_unique<Pictures>(std::vector{path}, fps);
  setenv("OPENCV_FFMPEG_CAPTURE_OPTIONS", kFileOptions, 0);
  return open_video(SourceKind::file, path, path, cv::CAP_FFMPEG, {}, kNotVideo, why);
}

std::unique_ptr<PictureSource> open_folder(const std::string& path, double fps, std::string& why) {
  std::vector<std::string> paths = list_pictures(path);
  if (!paths.empty()) return std::make_unique<Pictures>(std::move(paths), fps);
  why = cannot_open(
      path, access(path.c_str(), R_OK | X_OK) != 0 ? strerrordesc_np(errno) : "no pictures in this folder");
  return nullptr;
}

// By its stable name if it was given one: the link is followed anew each time, since a replugged camera gets
// another number. OpenCV knows only /dev/videoN.
std::unique_ptr<PictureSource> open_device(const std::string& argument, std::string& why) {
  const bool index = argument[0] != '/';
  const std::string name = index ? "/dev/video" + argument : argument;
  char* path = realpath(name.c_str(), nullptr);
  if (path == nullptr || access(path, R_OK | W_OK) != 0) {
    why = cannot_open(name, strerrordesc_np(errno));
    std::free(path);
    return nullptr;
  }
  const std::string real = path;
  std::free(path);
  return open_video(SourceKind::device, name, real, cv::CAP_V4L2, {},
                    "no camera, or in use by another program", why);
}

std::unique_ptr<PictureSource> open_url(const std::string& url, const CaptureOrder& order, std::string& why) {
  setenv("OPENCV_FFMPEG_CAPTURE_OPTIONS", kUrlOptions, 0);
  // A little less than the watchdog's patience: what FFmpeg notices itself is told better.
  const auto ms = [](std::int64_t ns) {
    return static_cast<int>(std::clamp<std::int64_t>(ns / 1'000'000 * 9 / 10, 100, 600'000));
  };
  return open_video(SourceKind::url, url, url, cv::CAP_FFMPEG,
                    {cv::CAP_PROP_OPEN_TIMEOUT_MSEC, ms(order.open_timeout_ns),
                     cv::CAP_PROP_READ_TIMEOUT_MSEC, ms(order.stall_ns)},
                    "no answer, or not a stream that OpenCV reads", why);
}

}  // namespace

std::unique_ptr<PictureSource> open_pictures(SourceKind kind, const std::string& argument,
                                             const CaptureOrder& order, std::string& why) noexcept {
  try {
    cv::setNumThreads(1);  // the processors are the model's
    const double picture_fps = order.fps > 0 ? order.fps : kPictureFps;
    switch (kind) {
      case SourceKind::file:
        return open_file(argument, picture_fps, why);
      case SourceKind::folder:
        return open_folder(argument, picture_fps, why);
      case SourceKind::device:
        return open_device(argument, why);
      case SourceKind::url:
        return open_url(argument, order, why);
      case SourceKind::pipeline:
        return open_video(kind, argument, argument.substr(4), cv::CAP_GSTREAMER, {},
                          "no such GStreamer pipeline", why);
      case SourceKind::synthetic:
        why = "synthetic frames need no capture process";
    }
  } catch (...) {
    why = "cannot open the source: OpenCV failed";
  }
  return nullptr;
}

}  // namespace shrike
