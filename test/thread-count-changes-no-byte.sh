#!/bin/bash
. "$(dirname "$0")/lib.sh"
for n in 1 2 4 8; do quietly convert "$bard" -o q$n.gguf -Q q8_0 -j $n --no-manifest; done
for n in 2 4 8; do expect_same q1.gguf q$n.gguf; done
expect_exit 2 recast convert "$bard" -o q.gguf -j some
expect_only q1.gguf q2.gguf q4.gguf q8.gguf
