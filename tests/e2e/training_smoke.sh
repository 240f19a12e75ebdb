#!/bin/bash
# training_smoke.sh SHRIKE: trains for a minute, and shows the product of it to the program. Skipped (77) without
# PyTorch.
set -euo pipefail
shrike=$1
train=$(dirname "$(readlink -f "$0")")/../../models/perch/train/train.sh
/usr/bin/python3 -c 'import torch, numpy, PIL' 2>/dev/null ||
  { echo "no PyTorch: toolchains/setup.sh --train"; exit 77; }
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
"$train" "$out" --smoke
"$train" "$out" --smoke >"$out/again.log"
grep -q '^text' "$out/again.log" && { echo "the second run should have gone on from the first"; exit 1; }
for file in tables.md learning-curve.png perch-f32.gguf mmproj-perch-q8_0.gguf; do
  [[ -s $out/$file ]] || { echo "$file is missing"; exit 1; }
done
for type in f32 q8_0; do
  answers=$("$shrike" watch -s synthetic:seed=1,frames=8 -m "$out/perch-$type.gguf" \
    --mmproj "$out/mmproj-perch-$type.gguf" --ask 'What is in view now?' --json 2>/dev/null | grep -c '"answer"')
  ((answers > 0)) || { echo "no answers from the $type pair"; exit 1; }
done
