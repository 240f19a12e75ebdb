// Stops a program that was built for newer processors than this one, before any other code of it runs: there it
// would die of an instruction that says nothing to people.
#include <unistd.h>

#include <cstring>

#include "apps/shrike/errors.hpp"
#include "platform/cpu.hpp"

namespace shrike::cli {
namespace {

void say(const char* text) noexcept { static_cast<void>(!write(STDERR_FILENO, text, std::strlen(text))); }

[[gnu::constructor(101)]] void check_processor() noexcept {  // the first of all that a program may ask for
  const char* missing = missing_instructions();
  if (missing == nullptr) return;
  say("shrike: this program is built for newer processors: this one has no ");
  say(missing);
  say("; take the build for all boards of its architecture\n");
  _exit(kDoesNotFit);
}

}  // namespace
}  // namespace shrike::cli
