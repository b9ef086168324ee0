#!/bin/bash
. "$(dirname "$0")/lib.sh"
mkdir many
cp -r "$bard" many/bard
python3 - << 'END'
import os
for i in range(100_000):
    os.close(os.open(f"many/bard/note-{i}.txt", os.O_CREAT | os.O_WRONLY))
END
quietly convert "$bard" -o plain.gguf --no-manifest
expect_exit 0 timeout 20 "$program" convert many/bard -o out.gguf --no-manifest
expect_same plain.gguf out.gguf
