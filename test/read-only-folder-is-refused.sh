#!/bin/bash
. "$(dirname "$0")/lib.sh"
drop_root
mkdir locked
chmod 555 locked
expect_exit 7 as_user "$program" convert "$bard" -o locked/out.gguf
expect_text '^error\[EO'
expect_text 'locked'
expect_exit 7 as_user "$program" convert "$bard" -n -o locked/out.gguf
[ -z "$(ls -A locked)" ] || fail "something was written"
