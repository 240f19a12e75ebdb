#pragma once

#include <atomic>
#include <string>
#include <thread>

namespace shrike::test {

// A network camera: serves numbered JPEGs over HTTP on the loopback, one client at a time, as fast as `fps`
// says.
class MjpegServer {
 public:
  explicit MjpegServer(double fps);
  ~MjpegServer();

  std::string url(const std::string& user = "") const;  // with "user:password@" if given
  void hang_up() { hang_up_ = true; }  // closes the present connection; the next one goes on counting
  void set_silent(bool silent) { silent_ = silent; }  // keeps the connection, sends nothing
  int n_clients() const { return n_clients_; }

 private:
  void serve(int client);

  double fps_;
  int listener_ = -1;
  int port_ = 0;
  std::atomic<bool> stop_{false};
  std::atomic<bool> hang_up_{false};
  std::atomic<bool> silent_{false};
  std::atomic<int> n_clients_{0};
  int code_ = 0;
  std::thread thread_;
};

}  // namespace shrike::test
