#include "tests/camera/clips.hpp"

#include <opencv2/imgcodecs.hpp>
#include <opencv2/imgproc.hpp>
#include <opencv2/videoio.hpp>

namespace shrike::test {
namespace {

constexpr int kBits = 12;

cv::Mat picture(int code, int zoom) {
  const int side = kClipWidth / kBits * zoom;
  cv::Mat mat(kClipHeight * zoom, kClipWidth * zoom, CV_8UC3, cv::Scalar(200, 120, 40));  // blue, green, red
  for (int bit = 0; bit < kBits; ++bit)
    cv::rectangle(mat, cv::Rect(bit * side, 0, side, side), cv::Scalar::all((code >> bit & 1) != 0 ? 255 : 0),
                  -1);
  return mat;
}

}  // namespace

int code_of(const Frame& frame) {
  int code = 0;
  for (int bit = 0; bit < kBits; ++bit) {
    const int x = (2 * bit + 1) * frame.width / (2 * kBits);
    const int y = frame.height / 15;
    const int value =
        frame.pixels[static_cast<std::size_t>(y) * frame.stride + static_cast<std::size_t>(x) * 3 + 1];
    if (value > 80 && value < 175) return -1;
    if (value >= 175) code |= 1 << bit;
  }
  return code;
}

bool make_clip(const std::string& path, const char* fourcc, int n, double fps, int zoom) {
  cv::VideoWriter writer(path, cv::CAP_FFMPEG,
                         cv::VideoWriter::fourcc(fourcc[0], fourcc[1], fourcc[2], fourcc[3]), fps,
                         cv::Size(kClipWidth * zoom, kClipHeight * zoom));
  if (!writer.isOpened()) return false;
  for (int i = 0; i < n; ++i) writer.write(picture(i, zoom));
  return true;
}

void make_picture(const std::string& path, int code) { cv::imwrite(path, picture(code, 1)); }

std::vector<unsigned char> make_jpeg(int code) {
  std::vector<unsigned char> bytes;
  cv::imencode(".jpg", picture(code, 1), bytes);
  return bytes;
}

}  // namespace shrike::test
