// What a service manager hears, on a socket of the test's own.
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <string>

#include "apps/shrike/service.hpp"

namespace shrike::cli {
namespace {

class ServiceTest : public ::testing::Test {
 protected:
  void SetUp() override {
    fd_ = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    const std::string name = "shrike-test-" + std::to_string(getpid());
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path + 1, name.data(), name.size());  // abstract: nothing to clean up
    const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size());
    ASSERT_EQ(bind(fd_, reinterpret_cast<const sockaddr*>(&address), size), 0);
    setenv("NOTIFY_SOCKET", ("@" + name).c_str(), 1);
  }
  void TearDown() override {
    unsetenv("NOTIFY_SOCKET");
    close(fd_);
  }
  std::string heard() const {
    char text[64];
    const ssize_t n = recv(fd_, text, sizeof(text), 0);
    return n > 0 ? std::string(text, static_cast<std::size_t>(n)) : "";
  }

 private:
  int fd_ = -1;
};

TEST_F(ServiceTest, is_told_what_is_said) {
  notify_service("READY=1");
  notify_service("STOPPING=1");
  EXPECT_EQ(heard(), "READY=1");
  EXPECT_EQ(heard(), "STOPPING=1");
  EXPECT_EQ(heard(), "");
}

TEST_F(ServiceTest, hears_of_life_once_a_second_at_most) {
  for (int i = 0; i < 100; ++i) notify_alive();
  EXPECT_EQ(heard(), "WATCHDOG=1");
  EXPECT_EQ(heard(), "");
}

TEST_F(ServiceTest, that_is_not_there_or_not_asking_is_no_matter) {
  for (const std::string& name :
       {std::string("@shrike-nobody"), std::string("relative"), std::string(), "/" + std::string(200, 'x')}) {
    setenv("NOTIFY_SOCKET", name.c_str(), 1);
    notify_service("READY=1");
  }
  unsetenv("NOTIFY_SOCKET");
  notify_service("READY=1");
  EXPECT_EQ(heard(), "");
}

}  // namespace
}  // namespace shrike::cli
