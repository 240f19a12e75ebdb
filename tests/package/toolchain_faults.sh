#!/bin/bash
# toolchain_faults.sh SOURCE_FOLDER: what a cross build says when something is missing. One line each, with what to do.
set -euo pipefail
source=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work"/{bin,bare,arm64/usr/include,arm64/usr/lib/aarch64-linux-gnu}
printf 'cmake_minimum_required(VERSION 3.25)\nproject(nothing LANGUAGES NONE)\n' >"$work/CMakeLists.txt"
touch "$work/arm64/usr/lib/aarch64-linux-gnu/libc.so"
failed=

# refused NAME TOOLCHAIN SYSROOT "TOOLS" WORDS: with only these tools to be found
refused() {
  local name=$1 toolchain=$2 sysroot=$3 tools=$4 words=$5 tool message code=0
  rm -rf "${work:?}/bin" "$work/build"
  mkdir "$work/bin"
  for tool in $tools; do
    printf '#!/bin/sh\n' >"$work/bin/$tool"
    chmod +x "$work/bin/$tool"
  done
  message=$(SHRIKE_SYSROOT=$sysroot "$(type -P cmake)" -S "$work" -B "$work/build" \
    -DCMAKE_TOOLCHAIN_FILE="$source/toolchains/$toolchain.cmake" -DCMAKE_FIND_USE_SYSTEM_ENVIRONMENT_PATH=OFF \
    -DCMAKE_FIND_USE_CMAKE_SYSTEM_PATH=OFF -DCMAKE_PROGRAM_PATH="$work/bin" 2>&1 >/dev/null) || code=$?
  message=$(tr -s '\n ' ' ' <<<"$message")                 # CMake folds long lines
  [[ $code != 0 && $message == *"$words"* ]] || { echo "$name: $code: $message"; failed=1; }
}

both="aarch64-linux-gnu-g++ qemu-aarch64"
refused "no compiler" aarch64 "$work/arm64" "qemu-aarch64" \
  "no compiler aarch64-linux-gnu-g++: run toolchains/setup.sh --cross "
refused "no emulator" pi5 "$work/arm64" "aarch64-linux-gnu-g++" \
  "no emulator qemu-aarch64: run toolchains/setup.sh --cross "
refused "no emulator" armv7 "$work/arm64" "arm-linux-gnueabihf-g++" \
  "no emulator qemu-arm: run toolchains/setup.sh --cross=armhf "
refused "no sysroot" aarch64 "$work/bare" "$both" \
  "no sysroot in $work/bare: run toolchains/sysroot.sh arm64, or set SHRIKE_SYSROOT"
refused "wrong sysroot" armv7 "$work/arm64" "arm-linux-gnueabihf-g++ qemu-arm" \
  "the sysroot $work/arm64 is not for armhf: it has no usr/lib/arm-linux-gnueabihf/libc.so"

said() {  # said WORDS COMMAND...
  local words=$1 message code=0
  shift
  message=$("$@" 2>&1) || code=$?
  [[ $code != 0 && $message == "$words" ]] || { echo "$*: $code: $message"; failed=1; }
}
said "sysroot: unknown option 'x86'; there are arm64, armhf and --video" "$source/toolchains/sysroot.sh" x86
said "sysroot: $work/bin is there and was not made by this script; move it away" \
  env SHRIKE_SYSROOT="$work/bin" "$source/toolchains/sysroot.sh"
options="--cross, --cross=armhf, --video, --package, --train, --fuzz and --dev"
said "setup: unknown option '--fast'; there are $options" "$source/toolchains/setup.sh" --fast
said "package: unknown board 'pi6'; there are native, arm64, pi4, pi5, rk3588 and armhf" \
  "$source/toolchains/package.sh" pi6
[[ ! $failed ]]
