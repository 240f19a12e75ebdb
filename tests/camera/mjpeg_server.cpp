#include "tests/camera/mjpeg_server.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <vector>

#include "platform/clock.hpp"
#include "tests/camera/clips.hpp"

namespace shrike::test {
namespace {

bool send_all(int client, const void* data, std::size_t n) {
  const char* bytes = static_cast<const char*>(data);
  while (n > 0) {
    const ssize_t sent = send(client, bytes, n, MSG_NOSIGNAL);
    if (sent <= 0) return false;
    bytes += sent;
    n -= static_cast<std::size_t>(sent);
  }
  return true;
}

}  // namespace

MjpegServer::MjpegServer(double fps) : fps_(fps) {
  listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  bind(listener_, reinterpret_cast<sockaddr*>(&address), size);
  listen(listener_, 4);
  getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
  port_ = ntohs(address.sin_port);
  thread_ = std::thread([this] {
    while (!stop_) {
      pollfd ready{listener_, POLLIN, 0};
      if (poll(&ready, 1, 20) <= 0) continue;
      const int client = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
      if (client < 0) continue;
      ++n_clients_;
      serve(client);
      close(client);
    }
  });
}

MjpegServer::~MjpegServer() {
  stop_ = true;
  thread_.join();
  close(listener_);
}

std::string MjpegServer::url(const std::string& user) const {
  return "http://" + user + "127.0.0.1:" + std::to_string(port_) + "/camera.mjpg";
}

void MjpegServer::serve(int client) {
  std::array<char, 2048> request{};
  if (recv(client, request.data(), request.size(), 0) <= 0) return;
  const std::string head =
      "HTTP/1.0 200 OK\r\nContent-Type: multipart/x-mixed-replace;boundary=frame\r\n\r\n--frame\r\n";
  if (!send_all(client, head.data(), head.size())) return;
  hang_up_ = false;
  while (!stop_ && !hang_up_) {
    sleep_ns(static_cast<std::int64_t>(1e9 / fps_));
    if (silent_) continue;
    const std::vector<unsigned char> jpeg = make_jpeg(code_++ % 4096);
    const std::string part =
        "Content-Type: image/jpeg\r\nContent-Length: " + std::to_string(jpeg.size()) + "\r\n\r\n";
    if (!send_all(client, part.data(), part.size()) || !send_all(client, jpeg.data(), jpeg.size()) ||
        !send_all(client, "\r\n--frame\r\n", 11))
      return;
  }
}

}  // namespace shrike::test
