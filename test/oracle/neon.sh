#!/bin/bash
# The codecs built for 64-bit ARM and run by an emulator give the bytes that they give here.
# usage: test/oracle/neon.sh [COMPILER [EMULATOR]]    Debian: g++-aarch64-linux-gnu, qemu-user-static
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
compiler=${1:-aarch64-linux-gnu-g++} emulator=${2:-qemu-aarch64-static}
for program in "$compiler" "$emulator"; do
  command -v "$program" > /dev/null || { echo "SKIPPED: no $program" >&2; exit 77; }
done
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
sources=$(cd "$root" && ls src/codec/*.cpp src/tensor/census.cpp | grep -v _test)

build() {  # COMPILER COMPILE_OPTION OUT LINK_OPTION
  local cxx=$1 flag=$2 out=$3
  shift 3
  mkdir "$out.objects"
  (cd "$root" && printf '%s\n' $sources test/oracle/codec_digest.cpp |
    xargs -P "$(nproc)" -I FILE sh -c '
      "$0" $2 -std=c++20 -O2 -ffp-contract=off -Isrc -c FILE -o "$1.objects/$(basename FILE .cpp).o" \
        "-DHWY_DISABLED_TARGETS=(HWY_SVE|HWY_SVE2|HWY_SVE_256|HWY_SVE2_128)"' "$cxx" "$out" "$flag")
  "$cxx" "$out".objects/*.o -o "$out" "$@"
}

# Highway's headers stand beside those of the system, which the other compiler must not see.
mkdir "$work/include"
ln -s /usr/include/hwy "$work/include/hwy"
export CPLUS_INCLUDE_PATH=$work/include
# What Highway calls NEON has the instructions for AES: every such processor but the oldest.
build "$compiler" -march=armv8-a+crypto "$work/arm" -static
unset CPLUS_INCLUDE_PATH
build g++ "" "$work/here" -lhwy
mkdir "$work/data"
"$work/here" write "$work/data"
"$work/here" print "$work/data" > "$work/here.txt"
"$emulator" "$work/arm" print "$work/data" > "$work/arm.txt"
diff "$work/here.txt" "$work/arm.txt"
echo "$(wc -l < "$work/here.txt") digests equal"
