#!/bin/bash
# sysroot.sh [arm64|armhf] [--video]: headers and libraries of an ARM Debian, unpacked into a folder to build against.
#
#   --video   also OpenCV, with which the capture process can be built (SHRIKE_CAMERA=ON)
#
# The folder is $SHRIKE_SYSROOT, or build/sysroot/ARCH. Needs no root: apt resolves and fetches with an empty
# package database of its own, from the sources and through the proxies this machine is set up with, and dpkg
# unpacks. Does nothing when the folder already holds all that is asked for. What dpkg would know of the packages
# is kept in the folder's var/lib/dpkg, for those who ask which package a library is of.
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")
# shellcheck source=toolchains/packages.sh
. "$here/packages.sh"

die() { echo "sysroot: $*" >&2; exit 1; }

arch=arm64 wanted=("${packages_sysroot[@]}")
for option in "$@"; do
  case $option in
    arm64 | armhf) arch=$option ;;
    --video) wanted+=("${packages_sysroot_video[@]}") ;;
    *) die "unknown option '$option'; there are arm64, armhf and --video" ;;
  esac
done
case $arch in
  arm64) triple=aarch64-linux-gnu ;;
  armhf) triple=arm-linux-gnueabihf ;;
esac
sysroot=$(readlink -m "${SHRIKE_SYSROOT:-$here/../build/sysroot/$arch}")

stamp=$sysroot/packages.txt          # written last: what this folder was asked to hold, and of which architecture
if [[ -f $stamp ]] && ! printf '%s\n' "$arch" "${wanted[@]}" | grep -qvxFf "$stamp"; then exit 0; fi
[[ ! -e $sysroot || -f $stamp ]] || die "$sysroot is there and was not made by this script; move it away"
type -P apt-get dpkg-deb >/dev/null || die "needs a Debian-like system"

mkdir -p "$(dirname "$sysroot")"
work=$(mktemp -d "$sysroot.XXXXXX")  # beside the result, so that it takes its place by a rename
trap 'rm -rf "$work"' EXIT
mkdir -p "$work"/{root,state/lists/partial,cache/archives/partial,log}
: >"$work/state/status"
cat >"$work/apt.conf" <<CONF
APT::Architecture "$arch";
APT::Architectures { "$arch"; };
APT::Install-Recommends "false";
APT::Sandbox::User "root";
Dir::State "$work/state";
Dir::State::status "$work/state/status";
Dir::Cache "$work/cache";
Dir::Log "$work/log";
CONF
apt() { APT_CONFIG=$work/apt.conf apt-get -qq -y "$@" </dev/null >>"$work/log/apt" 2>&1; }

echo "sysroot: fetching $arch packages into $sysroot"
apt update || true                   # one unreachable source of many need not matter; if it does, install fails
if ! apt install --download-only "${wanted[@]}"; then
  grep '^E:' "$work/log/apt" | tail -n 5 >&2 || true
  die "apt-get could not fetch $arch packages; is the network reachable, and do the sources have $arch?"
fi
known=$work/root/var/lib/dpkg
mkdir -p "$known/info"
echo 1 >"$known/info/format"         # names of files tell the architecture where packages of two could be there
for deb in "$work"/cache/archives/*.deb; do
  dpkg-deb -x "$deb" "$work/root"
  dpkg-deb -e "$deb" "$work/control"
  name=$known/info/$(dpkg-deb -f "$deb" Package)
  if [[ $(dpkg-deb -f "$deb" Multi-Arch) == same ]]; then name+=:$arch; fi
  for file in shlibs symbols; do
    if [[ -f $work/control/$file ]]; then cp "$work/control/$file" "$name.$file"; fi
  done
  dpkg-deb --fsys-tarfile "$deb" | tar -t | sed 's,^\./,/,; s,/$,,; /^$/d' >"$name.list"
  { sed '1a Status: install ok installed' "$work/control/control"; echo; } >>"$known/status"
  rm -rf "$work/control"
done

# No maintainer script ran, so the links that they would have made are made here; and links that are absolute
# would lead out of the folder.
cd "$work/root"
for library in blas lapack; do
  file=lib$library.so.3
  if [[ -e usr/lib/$triple/$library/$file ]]; then ln -s "$library/$file" "usr/lib/$triple/$file"; fi
done
find . -type l -lname '/*' | while read -r link; do ln -sfnr ".$(readlink "$link")" "$link"; done
rm -rf usr/share/{doc,man,locale,lintian}

printf '%s\n' "$arch" "${wanted[@]}" >packages.txt
cd "$here"
rm -rf "$sysroot"
mv -T "$work/root" "$sysroot"
