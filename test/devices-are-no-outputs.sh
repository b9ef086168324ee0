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
# A report goes into a device, never in its place.
quietly convert "$bard" -o a.gguf --report /dev/null --no-manifest
[ -c /dev/null ] || fail "the device is gone"
expect_exit 0 recast convert "$bard" -o a.gguf --force --report /dev/stdout --no-manifest
expect_text '^output'
if mknod full c 1 7 2> /dev/null; then
  expect_exit 6 recast convert "$bard" -o a.gguf --force --report full --no-manifest
  [ -c full ] || fail "the device is gone"
  rm full
fi
echo old > report.json
ln -s report.json link.json
quietly convert "$bard" -o a.gguf --force --report link.json --no-manifest
[ -L link.json ] && jq -e .outputs report.json > /dev/null || fail "a report through a link"
expect_only pipe socket a.gguf report.json link.json
