#!/bin/bash
# A refusal by a limit names it and the option that allows more; with that option the input is taken.
. "$(dirname "$0")/lib.sh"

# refused CODE LIMIT COMMAND...: and taken with what the message says
refused() {
  local code=$1 limit=$2 more
  shift 2
  expect_exit "$code" recast "$@"
  expect_text "at most .*\(limit $limit\)"
  more=$(cat "$out" "$err" | grep -oE -- "--limit $limit=[0-9]+ allows more" | head -1 | cut -d' ' -f2) ||
    fail "nothing allows more of $limit"
  expect_exit 0 recast "$@" --limit "$more"
}

write_safetensors small.safetensors 'a F32 2x2 0000803f' 'name.of.some.length F32 1x1x1 0000803f'
refused 6 safetensors-header-bytes inspect small.safetensors --limit safetensors-header-bytes=20
refused 6 safetensors-rank inspect small.safetensors --limit safetensors-rank=2
refused 6 safetensors-name-bytes validate small.safetensors --limit safetensors-name-bytes=9
# Above the default, which the reference reader has too: JSON and very many blanks.
python3 - > large.safetensors <<'END'
import struct, sys
text = b'{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}'.ljust(100_000_001)
sys.stdout.buffer.write(struct.pack("<Q", len(text)) + text + b"x")
END
refused 6 safetensors-header-bytes inspect large.safetensors
rm large.safetensors

quietly convert "$bard" -o bard.gguf
refused 6 gguf-keys inspect bard.gguf --limit gguf-keys=3
refused 6 gguf-tensors validate bard.gguf --limit gguf-tensors=1
refused 6 gguf-array-items inspect bard.gguf --limit gguf-array-items=1
refused 6 gguf-keys reproduce bard.gguf.recast.json --limit gguf-keys=3
refused 6 gguf-keys card bard.gguf -o - --limit gguf-keys=3

nested() { python3 -c "print('{\"deep\":' * $1 + '1' + '}' * $1)" > deep.json; }
model() { rm -rf model && cp -r "$bard" model && jq --slurpfile deep deep.json '.deep = $deep[0]' \
  "$bard/config.json" > model/config.json; }
nested 70 && model
refused 6 json-depth inspect model
# As deep as may be allowed: nothing here may need more stack than there is.
nested 999
python3 -c "
import json, sys
sys.setrecursionlimit(10000)
config = open('$bard/config.json').read().rstrip()
open('model/config.json', 'w').write(config[:-1] + ', \"deep\": ' + open('deep.json').read() + '}')"
expect_exit 6 recast inspect model
expect_exit 0 recast inspect model --limit json-depth=1000
expect_exit 0 recast convert model -o model.gguf --limit json-depth=1000
expect_exit 0 recast convert model -t hf -o copy --limit json-depth=1000

refused 6 model-layers convert "$bard" -o few.gguf --force --limit model-layers=1
refused 4 model-extent convert "$bard" -o few.gguf --force --limit model-extent=1000
expect_exit 4 recast convert "$bard" -o few.gguf --force --limit token-ids=100
expect_text 'at most 100 token ids \(limit token-ids\).* found 100$' "$err"
expect_exit 0 recast convert "$bard" -o few.gguf --force --limit token-ids=4K
echo 'lm_head.weight: [2056, 256]' > shapes.yaml
refused 6 shapes-bytes convert "$bard" -o fake.gguf --fake-weight --fake-weight-config shapes.yaml \
  --limit shapes-bytes=5

# pickles DEPTH: containers in containers, a tensor below them, and as many without one beside it
pickles() {
  PYTHONPATH=$test_dir python3 - "$1" <<'END'
import struct, sys, zipfile
from write_torch import text, tensor
depth = int(sys.argv[1])
def nest(value):
    return b"}" + b"".join(text("a") + b"}" for _ in range(depth - 1)) + text("w") + value + \
        b"s" * depth
pickle = b"\x80\x02}" + text("t") + nest(tensor("0", "F32", [2])) + b"s" + \
    text("o") + nest(b"K\x07") + b"s."
with zipfile.ZipFile("deep.pt", "w") as out:
    out.writestr("deep/data.pkl", pickle)
    out.writestr("deep/data/0", struct.pack("<2f", 1, 2))
END
}
pickles 50
refused 6 zip-members inspect deep.pt --limit zip-members=1
refused 6 pickle-depth inspect deep.pt --limit pickle-depth=30
refused 6 torch-name-bytes inspect deep.pt --limit torch-name-bytes=100
refused 6 pickle-values inspect deep.pt --limit pickle-values=150
pickles 1200
refused 6 pickle-depth inspect deep.pt
pickles 1990
expect_exit 0 recast inspect deep.pt --limit pickle-depth=2000
expect_exit 0 recast convert deep.pt -o deep.safetensors --limit pickle-depth=2000
python3 -c "print('x: ' + '[' * 998 + ']' * 998)" > deep.yaml
expect_exit 6 recast convert "$bard" -o fake.gguf --fake-weight --fake-weight-config deep.yaml
expect_text 'limit yaml-depth' "$err"
expect_exit 2 recast convert "$bard" -o fake.gguf --force --fake-weight \
  --fake-weight-config deep.yaml --limit yaml-depth=1000
expect_text 'EU031' "$err"

# The option itself.
expect_exit 2 recast inspect bard.gguf --limit json-dept=5
expect_text 'json-depth=' "$err"
expect_exit 2 recast inspect bard.gguf --limit json-depth=1001
expect_text 'json-depth from 1 to 1000' "$err"
expect_exit 2 recast inspect bard.gguf --limit json-depth=0
expect_exit 2 recast inspect bard.gguf --limit json-depth
expect_exit 2 recast convert bard.gguf -o x.gguf --limit pickle-depth=1M
RECAST_LIMIT=$'gguf-keys=3\njson-depth=9' expect_exit 6 recast inspect bard.gguf
RECAST_LIMIT=gguf-keys=3 expect_exit 0 recast inspect bard.gguf --limit gguf-keys=1K

# Every row of the table is listed, explained, and used by what refuses.
recast list limits --json > limits.json
sed -n 's/^RECAST_LIMIT(\([a-z_]*\),.*/\1/p' "$test_dir/../src/base/limits.def" > symbols
[ "$(jq length limits.json)" = "$(wc -l < symbols)" ] || fail "the list differs from the table"
while read -r symbol; do
  grep -rqE --include='*.cpp' --include='*.h' --exclude='*_test.cpp' --exclude-dir=base \
    "Limit::$symbol\b" "$test_dir/../src" || fail "nothing uses the limit $symbol"
  expect_exit 0 recast explain "${symbol//_/-}"
done < symbols
