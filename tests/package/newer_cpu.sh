#!/bin/bash
# newer_cpu.sh EMULATOR SYSROOT PROGRAM: a program for Cortex-A76 runs there, and on a Cortex-A72 says in one line that
# it cannot, with the exit code after which a service is not started again.
set -euo pipefail
[[ $(QEMU_CPU=cortex-a76 "$1" -L "$2" "$3" 2>&1) == runs ]]
code=0
message=$(QEMU_CPU=cortex-a72 "$1" -L "$2" "$3" 2>&1) || code=$?
echo "$code: $message"
wanted="shrike: this program is built for newer processors: this one has no "
[[ $code == 78 && $message == "$wanted"*"Armv8."*"; take the "* ]]
[[ $(wc -l <<<"$message") == 1 ]]
