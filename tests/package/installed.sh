#!/bin/bash
# installed.sh BUILD_FOLDER HAS_CAPTURE EMULATOR...: the program in its installed place, and moved elsewhere with it,
# finds its models and the capture process by where it is itself; without the capture process it says so in one line.
set -euo pipefail
build=$1 capture=$2
shift 2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
for component in shrike capture; do
  DESTDIR=$work/first cmake --install "$build" --component $component >/dev/null
done
mv "$work/first" "$work/second"
program=$(find "$work/second" -path '*/bin/shrike')
prefix=${program%/bin/shrike}
cd "$work"
run() { env -u SHRIKE_MODELS -u SHRIKE_CAPTURE PATH=/usr/bin:/bin "$@"; }
fault() { echo "$*"; exit 1; }

[[ $(run "$@" "$program" plan) == *'Memory plan'* ]] || fault "finds no models"
answer=$(run "$@" "$program" watch -q -s synthetic:seed=7,frames=2 --ask "What is in view now?")
[[ $answer == *→* ]] || fault "no answer"
code=0
message=$(run env SHRIKE_MODELS="$work/nowhere" "$@" "$program" plan 2>&1) || code=$?
[[ $code == 66 && $message == "shrike: $work/nowhere/perch/"* ]] || fault "SHRIKE_MODELS: $code $message"

if [[ $capture == 1 ]]; then
  find "$prefix/libexec/shrike/shrike-capture" >/dev/null
  run "$@" "$program" ask -q -s "$prefix/share/shrike/models/perch/perch-demo.mp4" "What is in view now?" >/dev/null ||
    fault "finds no capture process"
  rm "$prefix/libexec/shrike/shrike-capture"
fi
code=0
message=$(run "$@" "$program" ask -q -s 0 "What is in view now?" 2>&1) || code=$?
wanted="shrike: shrike-capture: no such capture program; cameras, clips and pictures need it, synthetic:seed=7 does not"
[[ $code == 66 && $message == "$wanted" ]] || fault "without capture: $code $message"
code=0
message=$(run env SHRIKE_CAPTURE="$work/nowhere" "$@" "$program" ask -q -s 0 hello? 2>&1) || code=$?
[[ $code == 66 && $message == "shrike: $work/nowhere: no such capture program"* ]] || fault "SHRIKE_CAPTURE: $message"
