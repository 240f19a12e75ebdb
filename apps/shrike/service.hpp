#pragma once

namespace shrike::cli {

// Tells the service manager that started us how we are, over the socket that it names in NOTIFY_SOCKET (systemd's
// Type=notify); without one, nothing. What cannot be sent is not sent: nobody waits for it.
void notify_service(const char* state) noexcept;  // "READY=1", "STOPPING=1"
// For the loop that does the work, as often as it comes by: still alive. Sent at most once a second.
void notify_alive() noexcept;

}  // namespace shrike::cli
