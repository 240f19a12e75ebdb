#!/bin/bash
# package.sh BOARD [--no-camera] [--static]: from a bare Debian 12 to Debian packages for a board, in
# build/packages/BOARD.
#
#   native   this machine          arm64    every 64-bit ARM board     armhf    32-bit ones with NEON
#   pi4      Raspberry Pi 4        pi5      Raspberry Pi 5             rk3588   Rock 5, Orange Pi 5
#
#   --no-camera   without shrike-capture and OpenCV; the source synthetic: and all else work
#   --static      the program without shared libraries, for systems that are no Debian 12; without camera
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/.."

die() { echo "package: $*" >&2; exit 2; }

board=${1-} camera=ON static=OFF
case $board in
  native) setup=() toolchain= ;;
  arm64) setup=(--cross) toolchain=aarch64 ;;
  pi4 | pi5 | rk3588) setup=(--cross) toolchain=$board ;;
  armhf) setup=(--cross=armhf) toolchain=armv7 ;;
  *) die "unknown board '$board'; there are native, arm64, pi4, pi5, rk3588 and armhf" ;;
esac
shift
for option in "$@"; do
  case $option in
    --no-camera) camera=OFF ;;
    --static) camera=OFF static=ON ;;
    *) die "unknown option '$option'; there are --no-camera and --static" ;;
  esac
done
if [[ $camera == ON && $toolchain ]]; then setup+=(--video); fi
toolchains/setup.sh --package "${setup[@]}"

build=build/package-$board
if [[ $static == ON ]]; then build+=-static; fi
mkdir -p "$build"
cmake -S . -B "$build" -G Ninja --log-level=WARNING --no-warn-unused-cli \
  ${toolchain:+--toolchain "toolchains/$toolchain.cmake"} \
  -DCMAKE_BUILD_TYPE=Release -DCMAKE_INSTALL_PREFIX=/usr -DSHRIKE_MODELS_DIR=/usr/share/shrike/models \
  -DSHRIKE_CAMERA=$camera -DSHRIKE_STATIC=$static -DSHRIKE_TESTS=OFF -DSHRIKE_BENCH=OFF >"$build/configure.log" ||
  { cat "$build/configure.log"; exit 1; }
cmake --build "$build" -- --quiet
packages=build/packages/${build#build/package-}
rm -rf "$packages"
(cd "$build" && cpack -B packages >cpack.log) || { cat "$build/cpack.log"; exit 1; }
mkdir -p "$packages"
mv "$build"/packages/*.deb "$packages"
ls -l "$packages"/*.deb
