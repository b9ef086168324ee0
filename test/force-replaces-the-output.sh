#!/bin/bash
. "$(dirname "$0")/lib.sh"
quietly convert "$bard" -o fresh.gguf
echo old > out.gguf
chmod 640 out.gguf
expect_exit 0 recast convert "$bard" -o out.gguf --force
expect_same fresh.gguf out.gguf
[ "$(stat -c %a out.gguf)" = 640 ] || fail "the mode of the replaced file is not kept"
quietly convert "$bard" -o folder/ -t hf
echo old > folder/leftover
expect_exit 0 recast convert "$bard" -o folder/ -t hf --force
[ ! -e folder/leftover ] || fail "the old folder was not replaced as a whole"
expect_exit 0 recast validate folder
rm -f ./*.recast.json
expect_only fresh.gguf out.gguf folder
