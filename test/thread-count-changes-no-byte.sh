#!/bin/bash
. "$(dirname "$0")/lib.sh"
for n in 1 2 4 8; do quietly convert "$bard" -o q$n.gguf -Q q8_0 -j $n --no-manifest; done
for n in 2 4 8; do expect_same q1.gguf q$n.gguf; done
# Eight threads beside the journal and the progress.
quietly convert "$bard" -o j.gguf -Q q8_0 -j 8 --no-manifest --journal=64K --progress json
expect_same q1.gguf j.gguf
rm j.gguf
expect_exit 2 recast convert "$bard" -o q.gguf -j some
expect_only q1.gguf q2.gguf q4.gguf q8.gguf
