#!/bin/bash
. "$(dirname "$0")/lib.sh"
echo precious > target
ln -s target link.gguf
expect_exit 7 recast convert "$bard" -o link.gguf
expect_exit 7 recast convert "$bard" -o link.gguf --force
expect_text '--follow'
[ "$(cat target)" = precious ] || fail "the target of the link changed"
quietly convert "$bard" -o plain.gguf --no-manifest
expect_exit 0 recast convert "$bard" -o link.gguf --force --follow --no-manifest
[ -L link.gguf ] || fail "the link was replaced"
expect_same plain.gguf target
expect_only link.gguf target plain.gguf
