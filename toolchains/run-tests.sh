#!/bin/bash
# run-tests.sh [--quick]: builds Shrike and tests it, from a bare Debian 12 to the last line, which sums all runs.
#
#   as users run it, on this machine
#   with the address and undefined-behaviour sanitizers, on this machine
#   for 64-bit ARM, in an emulator: as an old core, as a Raspberry Pi 5; what is tested per kernel set also with
#   every instruction
#
#   --quick   the first of these only
#
# Stops at the first run in which something fails; exit code 0 means that all passed.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/.."

case ${1-} in
  '') quick= ;;
  --quick) quick=1 ;;
  *) echo "run-tests: unknown option '$1'; there is --quick" >&2; exit 2 ;;
esac

passed=0 failed=0 skipped=0
table=()

heading() { printf '\n=== %s\n' "$*"; }

build() {  # preset
  heading "build: $1"
  local start=$SECONDS
  cmake --preset "$1" --log-level=WARNING >build/configure.log || { cat build/configure.log; exit 1; }
  cmake --build --preset "$1" -- --quiet
  table+=("$(printf '%-20s %38s %5d s' "build $1" '' $((SECONDS - start)))")
}

count_in_report() { grep -om1 "\b$1=\"[0-9]*" "$report" | grep -o '[0-9]*$'; }

run_tests() {  # test preset
  heading "test: $1"
  local start=$SECONDS ok=1
  local report=$PWD/build/$1.junit.xml log=$PWD/build/$1.log
  rm -f "$report"
  ctest --preset "$1" --quiet --output-log "$log" --output-junit "$report" || ok=
  [[ -f $report ]] || { cat "$log"; exit 1; }
  local all bad without
  all=$(count_in_report tests) bad=$(count_in_report failures) without=$(count_in_report skipped)
  if [[ ! $ok ]] && ((bad == 0)); then bad=$without without=0; fi      # could not be started
  passed=$((passed + all - bad - without)) failed=$((failed + bad)) skipped=$((skipped + without))
  table+=("$(printf '%-20s %5d passed %5d failed %5d skipped %5d s' \
    "test $1" $((all - bad - without)) "$bad" "$without" $((SECONDS - start)))")
  echo "${table[-1]}"
  if [[ ! $ok ]]; then
    grep -vE '^ *Start +[0-9]+:|^ *[0-9]+/[0-9]+ Test .* Passed ' "$log" || true
    summary
    exit 1
  fi
}

summary() {
  heading "summary (skipped: what this machine has no data or device for)"
  printf '%s\n' "${table[@]}"
  echo "$passed passed, $failed failed"
}

heading "setup"
if [[ $quick ]]; then toolchains/setup.sh; else toolchains/setup.sh --cross --train; fi
mkdir -p build

build release
run_tests release
if [[ ! $quick ]]; then
  build sanitize
  run_tests sanitize
  build aarch64
  run_tests aarch64-old
  run_tests aarch64-pi5
  run_tests aarch64
fi
summary
