#include "apps/shrike/signals.hpp"

#include <unistd.h>
#include <csignal>

namespace shrike::cli {
namespace {

volatile std::sig_atomic_t asked = 0;

void on_signal(int signal) {
  if (asked) _exit(128 + signal);
  asked = signal;
}

}  // namespace

void catch_signals() noexcept {
  struct sigaction action {};
  action.sa_handler = on_signal;  // without SA_RESTART: who waits for a frame wakes up
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
}

bool stop_asked() noexcept { return asked != 0; }

int stop_code() noexcept { return 128 + asked; }

}  // namespace shrike::cli
