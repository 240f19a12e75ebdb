#!/bin/bash
# consumer.sh cmake|pkg-config BUILD_FOLDER SOURCE_FOLDER CXX "CXX_FLAGS" TOOLCHAIN_FILE EMULATOR...
#
# Installs the library into a folder of its own, builds the example against what lies there and nothing else, and lets
# it watch and answer.
set -euo pipefail
how=$1 build=$2 source=$3 cxx=$4 flags=$5 toolchain=$6
shift 6                              # what is left runs programs of the board
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
DESTDIR=$work/root cmake --install "$build" --component dev >/dev/null
prefix=$(find "$work/root" -path '*/include/shrike' -printf '%h\n')
prefix=${prefix%/include}

case $how in
  cmake)
    cmake -S "$source/examples" -B "$work/build" -DCMAKE_BUILD_TYPE=Release -DCMAKE_CXX_COMPILER="$cxx" \
      -DCMAKE_TOOLCHAIN_FILE="$toolchain" -DCMAKE_CXX_FLAGS="$flags -Wall -Werror" \
      -Dshrike_DIR="$(dirname "$(find "$prefix" -name shrike-config.cmake)")" >/dev/null
    cmake --build "$work/build" >/dev/null
    program=$work/build/watch_world
    ;;
  pkg-config)
    export PKG_CONFIG_LIBDIR
    PKG_CONFIG_LIBDIR=$(dirname "$(find "$prefix" -name shrike.pc)")
    program=$work/watch_world
    # shellcheck disable=SC2046,SC2086
    "$cxx" $flags -O2 -Wall -Werror $(pkg-config --cflags shrike) "$source/examples/watch_world.cpp" -o "$program" \
      $(pkg-config --libs shrike)
    ;;
esac

perch=$source/models/perch
ask() { "$@" "$perch/perch-f16.gguf" "$perch/mmproj-perch-f16.gguf" "What is in view now?"; }
answer=$(ask "$@" "$program")
echo "what is in view now: $answer"
[[ $answer =~ ^(nothing|an?\ [a-z]+\ [a-z]+(\ and\ an?\ [a-z]+\ [a-z]+)*)$ ]]
if ask "$@" "$program" extra 2>/dev/null; then exit 1; fi
