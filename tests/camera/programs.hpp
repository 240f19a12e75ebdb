#pragma once

#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

namespace shrike::test {

// True in an emulator that runs this test but cannot start another program of its machine.
inline bool is_foreign(const char* program) {
  const pid_t pid = fork();
  if (pid == 0) {
    std::fclose(stderr);
    execl(program, program, nullptr);
    _exit(errno == ENOEXEC ? 99 : 98);
  }
  int status = 0;
  waitpid(pid, &status, 0);
  return WIFEXITED(status) && WEXITSTATUS(status) == 99;
}

}  // namespace shrike::test
