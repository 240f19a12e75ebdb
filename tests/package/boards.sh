#!/bin/bash
# boards.sh SOURCE SHRIKE: what `shrike bench` reports of two boards is drawn side by side.
set -euo pipefail
draw=$1/bench/draw_boards.py shrike=$2
python3 -c 'import xml.dom.minidom' 2>/dev/null || { echo "boards: no python3"; exit 77; }
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
mkdir "$dir/here" "$dir/slower"
"$shrike" bench --threads 1 --prefill 32 --context 0 --repetitions 1 --frames 0 --no-kernels --json \
  >"$dir/here/bench.json"
python3 - "$dir" <<'PY'
import json, sys
report = json.load(open(sys.argv[1] + "/here/bench.json"))
report["cpu"] = "a <slow> one"
for row in report["stages"]:
    row["ms"] *= 4
json.dump(report, open(sys.argv[1] + "/slower/bench.json", "w"))
PY
"$draw" "$dir/here/bench.json" "$dir/slower/bench.json" --out "$dir/boards.svg" >"$dir/table"
grep -q '^| | here | slower |$' "$dir/table"
grep -qE '^\| prefill 32 \| .* tok/s .* \| .* tok/s .* \|$' "$dir/table"
python3 - "$dir/boards.svg" <<'PY'
import sys, xml.dom.minidom
drawn = xml.dom.minidom.parse(sys.argv[1])
bars = [float(r.getAttribute("width")) for r in drawn.getElementsByTagName("rect") if r.getAttribute("height") == "13"]
assert len(bars) == 6, bars                                       # three stages on two boards
assert all(abs(a / b - 4) < 0.1 for a, b in zip(bars[::2], bars[1::2])), bars
PY
# What is no report, and boards that measured different models: one line each.
for bad in "$1/README.md" "$dir/nothing.json"; do
  if "$draw" "$bad" 2>"$dir/error"; then exit 1; fi
  [[ $(wc -l <"$dir/error") == 1 ]]
done
sed 's/"model": "[^"]*"/"model": "another.gguf"/' "$dir/slower/bench.json" >"$dir/another.json"
if "$draw" "$dir/here/bench.json" "$dir/another.json" 2>"$dir/error"; then exit 1; fi
grep -q 'different models' "$dir/error"
