#!/bin/bash
# train.sh OUT [--smoke]: from nothing to the GGUF pair, in OUT. Goes on where it was stopped.
#
#   OUT       checkpoints, log.csv, learning-curve.png, tables.md, and the pair as f32, f16 and q8_0
#   --smoke   a few steps of every stage, in two minutes: shows that it runs; learns nothing worth having
#
# Installs what is missing (toolchains/setup.sh --train) and builds the synthetic camera first. Takes hours on
# two cores.
set -euo pipefail
root=$(readlink -f "$(dirname "$0")/../../..")
out=${1:?usage: train.sh OUT [--smoke]}
smoke=${2-}
[[ -z $smoke || $smoke == --smoke ]] || { echo "train: unknown option '$smoke'; there is --smoke" >&2; exit 64; }
mkdir -p "$out"
out=$(readlink -f "$out")

if [[ -z ${PERCH_WORLD-} ]]; then
  "$root/toolchains/setup.sh" --train
  cd "$root"
  cmake --preset release --log-level=WARNING >/dev/null
  cmake --build --preset release --target perch_world
  PERCH_WORLD=$(find "$root/build/release" -name libperch_world.so)
  export PERCH_WORLD
fi
cd "$root/models/perch/train"

# Debian's PyTorch comes with Debian's Python, whatever else is first on the path.
python=/usr/bin/python3
export OPENBLAS_NUM_THREADS=1
# Every step frees and takes the same gigabytes; given back to the kernel in between, they cost a tenth of all time.
export GLIBC_TUNABLES=glibc.malloc.hugetlb=1:glibc.malloc.mmap_max=0:glibc.malloc.trim_threshold=17179869184
if [[ $smoke ]]; then
  $python train.py --out "$out" --smoke
  $python evaluate.py "$out" --streams 2 --lengths 8 --shares 0.5 | tee "$out/tables.md"
else
  # Neither of the first two stages needs the other.
  half=$((($(nproc) + 1) / 2))
  $python train.py --out "$out" --threads $half --only eye >"$out/eye.log" 2>&1 &
  eye=$!
  trap 'kill $eye 2>/dev/null || true' EXIT
  $python train.py --out "$out" --threads $half --only text
  wait $eye
  $python train.py --out "$out"
  $python evaluate.py "$out" --streams 60 | tee "$out/tables.md"
fi
$python learning_curve.py "$out/log.csv" "$out/learning-curve.png"
for type in f32 f16 q8_0; do $python ../convert.py "$out" --type $type --out "$out"; done
