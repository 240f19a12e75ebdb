#!/bin/bash
# shlibdeps.sh ARGUMENT...: dpkg-shlibdeps for programs of $SHRIKE_ARCH ($SHRIKE_TRIPLE), whose libraries lie in
# $SHRIKE_SYSROOT. What is known of the packages there is given to it with the paths that this machine sees.
set -euo pipefail
: "${SHRIKE_SYSROOT:?}" "${SHRIKE_TRIPLE:?}" "${SHRIKE_ARCH:?}"
if [[ ${1-} == --version ]]; then exec dpkg-shlibdeps --version; fi

known=$SHRIKE_SYSROOT/var/lib/dpkg
if [[ ! -f $known/status ]]; then
  echo "shlibdeps: $SHRIKE_SYSROOT knows no packages: run toolchains/sysroot.sh" >&2
  exit 1
fi
here=$(mktemp -d)
trap 'rm -rf "$here"' EXIT
mkdir "$here/info" "$here/updates"
cp "$known/status" "$here"
cp "$known"/info/{format,*.shlibs,*.symbols} "$here/info"
for list in "$known"/info/*.list; do sed "s,^/,$SHRIKE_SYSROOT/," "$list" >"$here/info/${list##*/}"; done
folders=()
for folder in lib usr/lib usr/lib/{blas,lapack}; do
  case $folder in
    */blas | */lapack) folders+=("-l$SHRIKE_SYSROOT/usr/lib/$SHRIKE_TRIPLE/${folder##*/}") ;;
    *) folders+=("-l$SHRIKE_SYSROOT/$folder/$SHRIKE_TRIPLE") ;;
  esac
done
DEB_HOST_ARCH=$SHRIKE_ARCH dpkg-shlibdeps --admindir="$here" "${folders[@]}" "$@"
