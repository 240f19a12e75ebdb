#!/bin/bash
# elf.sh READELF NM STRIP PROGRAM ARCHIVE: what the runtime is linked with, on which systems it starts, how large it is.
#
#   no OpenCV, in the program or in the library: libc, libm, libstdc++, libgcc and zlib are all
#   versions of symbols that Debian 12 has: glibc 2.36, GCC 12
#   without debug information at most 3 MiB
set -euo pipefail
readelf=$1 nm=$2 strip=$3 program=$4 archive=$5
failed=
fault() { echo "$*"; failed=1; }

while read -r library; do
  case $library in
    libc.so.6 | libm.so.6 | libstdc++.so.6 | libgcc_s.so.1 | libz.so.1 | ld-linux*.so.*) ;;
    *) fault "the program needs $library" ;;
  esac
done < <("$readelf" -d "$program" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p')

newest() { "$readelf" -VW "$program" | grep -o "Name: $1_[0-9.]*" | sed "s/.*_//" | sort -V | tail -n 1; }
for limit in GLIBC=2.36 GLIBCXX=3.4.30 CXXABI=1.3.13 GCC=12.0.0; do
  version=$(newest "${limit%=*}" || true)
  [[ -z $version || $(printf '%s\n' "$version" "${limit#*=}" | sort -V | tail -n 1) == "${limit#*=}" ]] ||
    fault "the program needs ${limit%=*}_$version, Debian 12 has ${limit#*=}"
  echo "${limit%=*}: ${version:-none}, at most ${limit#*=}"
done

strange=$("$nm" -uC "$archive" | grep -E ' (cv::|cv[A-Z]|av_|gst_)' || true)
[[ -z $strange ]] || fault "the library needs $strange"
defined=$("$nm" -C --defined-only "$archive" 2>/dev/null | grep -c ' T shrike::Session::ask(')
((defined == 1)) || fault "the library holds Session::ask $defined times"

stripped=$(mktemp)
trap 'rm -f "$stripped"' EXIT
"$strip" -o "$stripped" "$program"
bytes=$(stat -c %s "$stripped")
echo "stripped: $bytes bytes, at most $((3 << 20))"
((bytes <= 3 << 20)) || fault "the program has $bytes bytes"
[[ ! $failed ]]
