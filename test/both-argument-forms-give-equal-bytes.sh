#!/bin/bash
. "$(dirname "$0")/lib.sh"
recast convert "$bard" -o a.gguf > /dev/null 2>&1
quietly convert "$bard" b.gguf
quietly c --output=c.gguf "$bard"
quietly convert -o d.gguf -- "$bard"
for other in b c d; do expect_same a.gguf $other.gguf; done
expect_exit 2 recast convert "$bard" e.gguf -o f.gguf
rm -f ./*.recast.json
expect_only a.gguf b.gguf c.gguf d.gguf
