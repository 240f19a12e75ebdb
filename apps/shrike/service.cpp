#include "apps/shrike/service.hpp"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>

#include "platform/clock.hpp"

namespace shrike::cli {

void notify_service(const char* state) noexcept {
  const char* path = std::getenv("NOTIFY_SOCKET");
  if (path == nullptr || (path[0] != '/' && path[0] != '@')) return;
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::size_t n = std::strlen(path);
  if (n >= sizeof(address.sun_path)) return;
  std::memcpy(address.sun_path, path, n);
  if (path[0] == '@') address.sun_path[0] = '\0';  // an abstract name
  const int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return;
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + n);
  static_cast<void>(sendto(fd, state, std::strlen(state), MSG_DONTWAIT | MSG_NOSIGNAL,
                           reinterpret_cast<const sockaddr*>(&address), size));
  close(fd);
}

void notify_alive() noexcept {
  static std::int64_t last_ns = 0;
  const std::int64_t now = monotonic_ns();
  if (last_ns != 0 && now - last_ns < 1'000'000'000) return;
  last_ns = now;
  notify_service("WATCHDOG=1");
}

}  // namespace shrike::cli
