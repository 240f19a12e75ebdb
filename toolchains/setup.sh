#!/bin/bash
# setup.sh [OPTION...]: installs what Shrike is built with, on Debian 12 and its kin.
#
#   --cross         also the 64-bit ARM compiler, an emulator for its tests, and the sysroot
#   --cross=armhf   the same for 32-bit ARM
#   --video         the sysroots with OpenCV, to build the capture process for a board
#   --package       also the tools that packages are made with
#   --train         also PyTorch, for training the demo model
#   --fuzz          also clang, for the fuzzers
#   --dev           also the tools for working on Shrike itself
#
# Touches nothing when all is there, so it can be run before every build.
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")
# shellcheck source=toolchains/packages.sh
. "$here/packages.sh"

die() { echo "setup: $*" >&2; exit 1; }

wanted=("${packages_build[@]}")
sysroots=() video=()
for option in "$@"; do
  case $option in
    --cross) sysroots+=(arm64) wanted+=("${packages_cross_arm64[@]}") ;;
    --cross=armhf) sysroots+=(armhf) wanted+=("${packages_cross_armhf[@]}") ;;
    --video) video=(--video) ;;
    --package) wanted+=("${packages_package[@]}") ;;
    --train) wanted+=("${packages_train[@]}") ;;
    --fuzz) wanted+=("${packages_fuzz[@]}") ;;
    --dev) wanted+=("${packages_dev[@]}") ;;
    *)
      die "unknown option '$option'; there are --cross, --cross=armhf, --video, --package, --train, --fuzz and --dev"
      ;;
  esac
done

is_installed() { [[ $(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null) == installed ]]; }

type -P apt-get dpkg-query >/dev/null ||
  die "this is no Debian-like system; install by hand what toolchains/packages.sh lists"
missing=()
for package in "${wanted[@]}"; do
  is_installed "$package" || missing+=("$package")
done

if ((${#missing[@]})); then
  as_root=()
  if ((EUID != 0)); then
    as_root=(sudo)
    [[ -t 0 ]] || as_root+=(-n)      # nobody there to type a password
    "${as_root[@]}" true 2>/dev/null ||
      die "needs root or sudo, for: apt-get install --no-install-recommends ${missing[*]}"
  fi
  log=$(mktemp)
  trap 'rm -f "$log"' EXIT
  apt() {
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
      apt-get -qy -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0 "$@" </dev/null >>"$log" 2>&1
  }
  echo "setup: installing ${missing[*]}"
  apt update || true                 # one unreachable source of many need not matter; if it does, install fails
  if ! apt install --no-install-recommends "${missing[@]}"; then
    grep '^E:' "$log" | tail -n 5 >&2 || true
    die "apt-get could not install ${missing[*]}; is the network reachable, and is this Debian 12 or newer?"
  fi
fi

for arch in "${sysroots[@]}"; do "$here/sysroot.sh" "$arch" "${video[@]}"; done
