#!/bin/bash
# service.sh SOURCE_FOLDER PROGRAM: the unit is one that systemd understands, with little that it may do; the memory
# limit is above what the plan says, and grows with it.
set -euo pipefail
source=$1 program=$2
type -P systemd-analyze >/dev/null || exit 77
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
limit() { "$program" plan --systemd "$@" | sed -n 's/^MemoryMax=//p'; }
total() { "$program" plan --json "$@" | grep -o '"total_bytes":[0-9]*' | grep -o '[0-9]*'; }
small=$(($(limit --frame-size 640x480) - $(total --frame-size 640x480)))
large=$(($(limit --frame-size 4096x2160) - $(total --frame-size 4096x2160)))
((small > 32 << 20 && large == small)) || { echo "limits are $small and $large above their plans"; exit 1; }
if "$program" plan --systemd --kv-budget 1KiB >"$work/refused" 2>&1; then exit 1; fi
if grep -q MemoryMax "$work/refused"; then echo "a limit for a plan that does not fit"; exit 1; fi

sed "s,/usr/bin/shrike,$program," "$source/package/shrike@.service" >"$work/shrike@.service"
mkdir "$work/shrike@door.service.d"
"$program" plan --systemd >"$work/shrike@door.service.d/memory.conf"
cp "$work/shrike@.service" "$work/shrike@door.service"
faults=$(systemd-analyze verify --man=no --recursive-errors=no "$work/shrike@door.service" 2>&1) || true
[[ -z $faults ]] || { echo "$faults"; exit 1; }
systemd-analyze security --no-pager --offline=yes --threshold=20 "$work/shrike@door.service" >"$work/security" 2>&1 ||
  { cat "$work/security"; exit 1; }
tail -n 1 "$work/security"
