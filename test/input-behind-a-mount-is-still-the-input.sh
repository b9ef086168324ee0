#!/bin/bash
. "$(dirname "$0")/lib.sh"
quietly convert "$bard" -o a.gguf --no-manifest
cp a.gguf before
mkdir behind locked
touch behind/a.gguf
ln -s a.gguf link.gguf
expect_exit 7 recast convert a.gguf -o link.gguf -Q q8_0 --force
expect_text '^error\[EO002\]'  # a link to the input is the input before it is a link
export program
in_namespace bash -eu -c '
  mount --bind a.gguf behind/a.gguf
  code=0
  "$program" convert a.gguf -o behind/a.gguf -Q q8_0 --force 2> said || code=$?
  grep -q "EO002" said && grep -q "a.gguf" said && [ $code = 7 ] || { cat said; exit 1; }
  mount -t tmpfs -o ro tmpfs locked  # root may write anywhere but here
  code=0
  "$program" convert a.gguf -o locked/b.gguf 2> said || code=$?
  grep -q "locked" said && [ $code = 7 ] || { cat said; exit 1; }
  ! grep -q "quantize start" said || { echo "the input was read before"; exit 1; }
' || fail "see above"
rm said
expect_same a.gguf before
expect_only a.gguf before behind locked link.gguf
