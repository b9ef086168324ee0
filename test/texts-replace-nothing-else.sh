#!/bin/bash
. "$(dirname "$0")/lib.sh"
cp -r "$bard" model
cp -r model before
echo notes > notes.txt
mkfifo pipe
quietly convert model -o a.gguf --no-manifest
cp a.gguf a.before
for option in --report --plan; do
  for name in model/config.json model/model-00002-of-00003.safetensors; do
    expect_exit 7 recast convert model -o b.gguf --no-manifest $option $name --force
    expect_text '^error\[EO002\]'
  done
  expect_exit 7 recast convert a.gguf -o b.gguf --no-manifest $option a.gguf --force
  expect_exit 7 recast convert model -o b.gguf --no-manifest $option notes.txt
  expect_text '^error\[EO001\]'
  expect_exit 7 recast convert model -o b.gguf --no-manifest $option missing/r.json
  for name in b.gguf ./b.gguf b.gguf.recast.json; do
    expect_exit 2 recast convert model -o b.gguf $option $name
  done
done
for name in notes.txt model/config.json; do
  expect_exit 7 recast convert model -o b.gguf --no-manifest --log $name
done
expect_exit 7 timeout 5 "$program" convert model -o b.gguf --no-manifest --log pipe
[ ! -e b.gguf ] || fail "a conversion ran before its texts were checked"
# What an earlier run wrote is replaced or continued.
for i in 1 2; do
  quietly convert model -o b.gguf --no-manifest --report r.json --log l.json --force
  quietly convert model -n -o c.gguf --plan p.json
done
[ "$(jq -s length l.json)" -gt 10 ] || fail "the log"
# A file that an option names is an input.
echo '{"rope_theta": 20000}' > mc.json
expect_exit 7 recast convert model -o mc.json -t gguf --model-config mc.json --force
expect_text '^error\[EO002\]'
expect_same before model
expect_same a.before a.gguf
[ "$(cat notes.txt)" = notes ] || fail "notes.txt"
expect_only model before notes.txt pipe a.gguf a.before b.gguf r.json l.json p.json mc.json
