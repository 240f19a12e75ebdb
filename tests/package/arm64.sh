#!/bin/bash
# arm64.sh SOURCE_FOLDER SHRIKE SHRIKE_CAPTURE: the package for 64-bit ARM boards, made as the README says, unpacked,
# and run in an emulator as a Cortex-A72 and a Cortex-A76: it answers with the words that this machine's program has.
# The capture process is this machine's: an emulator starts no other emulated program.
set -euo pipefail
source=$1 native=$2 capture=$3
type -P aarch64-linux-gnu-g++ qemu-aarch64 dpkg-shlibdeps >/dev/null && [[ -d $source/build/sysroot/arm64 ]] || exit 77
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$source/toolchains/package.sh" arm64 --no-camera
deb=$(ls "$source"/build/packages/arm64/shrike_*_arm64.deb)
dpkg -x "$deb" "$work/root"

depends=$(dpkg-deb -f "$deb" Depends)
echo "depends on $depends"
for package in libc6 libgcc-s1 libstdc++6 zlib1g; do
  [[ ", $depends," =~ ", $package"[\ ,] ]] || { echo "does not depend on $package"; exit 1; }
done
[[ $depends != *opencv* && $(dpkg-deb -f "$deb" Architecture) == arm64 ]]

answers() { grep -o '"\(question\|prompt\)":"[^"]*","\(answer\|text\)":"[^"]*"'; }
compare() {  # compare ARGUMENT...
  "$native" "$@" --json 2>/dev/null | answers >"$work/wanted"
  for core in cortex-a72 cortex-a76; do
    SHRIKE_CAPTURE=$capture QEMU_CPU=$core qemu-aarch64 -L "$source/build/sysroot/arm64" \
      "$work/root/usr/bin/shrike" "$@" --json 2>"$work/errors" | answers >"$work/got" || true
    diff "$work/wanted" "$work/got" || { tail -n 3 "$work/errors"; echo "$1 on $core: other answers"; exit 1; }
    echo "$1 on $core: the same $(wc -l <"$work/got") answers"
  done
}
compare demo
compare watch -s synthetic:seed=7,fps=0.5,frames=16 --every 10s --ask "What is in view now?" \
  --ask "What was the first thing you saw?"
