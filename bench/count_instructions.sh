#!/bin/bash
# count_instructions.sh "EMULATOR OPTION..." COUNT_KERNELS [TIMES]: instructions that a kernel takes for each
# element, by kernel set, as CSV, and how many times fewer those are than the scalar ones of the same machine. Exit
# code 1 when a set that is not scalar has not so many TIMES fewer (default: 4).
#
#   bench/count_instructions.sh "qemu-aarch64 -cpu cortex-a76" build/aarch64/bin/count_kernels
#
# The emulator goes instruction by instruction and writes a line for each; what one more call adds is counted. That is
# exact, and the same on every machine; it says nothing of how long an instruction takes.
set -euo pipefail
read -ra emulator <<<"$1"
program=$2 times=${3-4}
type -P "${emulator[0]}" >/dev/null || { echo "count_instructions: no emulator ${emulator[0]}" >&2; exit 69; }

executed() { "${emulator[@]}" -singlestep -d exec,nochain "$program" "$@" 2>&1 >/dev/null | grep -c '^Trace '; }

"${emulator[@]}" "$program" >/dev/null
mapfile -t listed < <("${emulator[@]}" "$program")
code=0
echo "kernel,shape,elements,set,instructions,per_element,times_fewer"
for line in "${listed[@]}"; do
  read -r what name elements shape <<<"$line"
  [[ $what == case ]] || continue
  declare -A counts=()
  for isa in "${listed[@]}"; do
    [[ $isa == isa\ * ]] || continue
    isa=${isa#isa }
    counts[$isa]=$(($(executed "$name" "$isa" 2) - $(executed "$name" "$isa" 1)))
  done
  for isa in "${!counts[@]}"; do
    awk -v OFS=, -v name="$name" -v shape="$shape" -v elements="$elements" -v isa="$isa" -v n="${counts[$isa]}" \
      -v scalar="${counts[scalar]}" -v times="$times" 'BEGIN {
        print name, shape, elements, isa, n, sprintf("%.3f", n / elements), sprintf("%.2f", scalar / n)
        exit isa != "scalar" && scalar < times * n }' || code=1
  done
done
exit $code
