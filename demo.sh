#!/bin/sh
# Installs what is missing, builds Recast, converts the model in demo/bard and shows what came out.
set -eu
cd "$(dirname "$0")"
say() { printf '\n== %s\n' "$*"; }
show() { printf '$ %s\n' "$*"; "$@"; }

say "Set-up: Debian packages"
scripts/setup.sh build

say "Build: build/release/recast"
[ -f build/release/build.ninja ] || cmake --preset release > /dev/null
cmake --build --preset release --target recast

recast=build/release/recast
out=build/demo/bard-q8_0.gguf
say "Convert a Llama in three bfloat16 shards to one GGUF file of 8-bit blocks"
show $recast convert demo/bard -o $out -Q q8_0 --force --mkdir
say "Check the file"
show $recast validate $out
say "Look into it"
show $recast inspect $out
before=$(du -sLk demo/bard | cut -f1) after=$(du -k $out | cut -f1)

cat << END

== Done
$out was made from demo/bard ($before kB) and has $after kB.
Next:
  $recast convert demo/bard -o build/demo/bard-q4_0.gguf -Q q4_0 --pure
  $recast convert $out -o build/demo/bard-back/ -t hf
  $recast list formats
  $recast convert --help
  ./test.sh
END
