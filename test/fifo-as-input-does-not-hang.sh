#!/bin/bash
. "$(dirname "$0")/lib.sh"
mkfifo pipe
expect_exit 4 timeout 5 "$program" convert pipe -o out.gguf
expect_text 'pipe'
expect_exit 4 timeout 5 "$program" inspect pipe
expect_exit 4 timeout 5 "$program" inspect /dev/zero
expect_only pipe
