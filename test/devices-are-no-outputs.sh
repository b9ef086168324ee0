#!/bin/bash
. "$(dirname "$0")/lib.sh"
mkfifo pipe
python3 -c 'import socket; s = socket.socket(socket.AF_UNIX); s.bind("socket")'
for name in /dev/full /dev/null pipe socket; do
  for force in '' --force; do
    expect_exit 7 timeout 5 "$program" convert "$bard" -o $name -t gguf $force
    expect_text "^error\[EO005\]"
    expect_text "$name"
  done
done
expect_only pipe socket
