#!/bin/bash
. "$(dirname "$0")/lib.sh"
quietly convert "$bard" -o a.gguf --no-manifest
"$program" convert "$bard" -o b.gguf --no-manifest <&- > /dev/null 2>&1 || fail "closed stdin"
"$program" convert "$bard" -o c.gguf --no-manifest <&- >&- 2>&- || fail "all streams closed"
expect_same a.gguf b.gguf
expect_same a.gguf c.gguf
