#!/bin/bash
. "$(dirname "$0")/lib.sh"
quietly convert "$bard" -o one.gguf --no-manifest
quietly convert "$bard" -o set.gguf --split-max-size 3M --no-manifest
ls set-0*-of-0*.gguf > "$scratch/parts" || fail "no split set"
parts=$(wc -l < "$scratch/parts")
[ "$parts" -ge 3 ] || fail "$parts parts"
tensors() {
  recast inspect "$1" --tensors --json 2> "$err" | jq '[.tensors[] | [.name, .type, .shape]] | sort'
}
for part in $(cat "$scratch/parts"); do
  [ "$(tensors "$part")" = "$(tensors one.gguf)" ] || fail "$part does not stand for the set"
  quietly convert "$part" -o "q-$part" -Q q8_0 --no-manifest
done
quietly convert one.gguf -o q.gguf -Q q8_0 --no-manifest
python3 "$test_dir/gguf_data.py" q.gguf q-set-*.gguf
second=$(sed -n 2p "$scratch/parts")
mv "$second" hidden
expect_exit 4 recast convert "$(sed -n 1p "$scratch/parts")" -o again.gguf
expect_text "$second"
mv hidden "$second"

# The other parts may repeat what the first one says, not contradict it.
say() {  # say KEY VALUE: in the second part, in 64 bytes, which leaves the data aligned
  python3 - "$second" "$1" "$2" << 'END'
import struct, sys
path, key, value = sys.argv[1:]
data = open(path, "rb").read()
value = value.ljust(64 - 20 - len(key), "x")
entry = struct.pack("<Q", len(key)) + key.encode() + struct.pack("<IQ", 8, len(value)) + value.encode()
tensors, keys = struct.unpack("<QQ", data[8:24])
open(path, "wb").write(data[:8] + struct.pack("<QQ", tensors, keys + 1) + entry + data[24:])
END
}
cp "$second" kept
say general.architecture other
expect_exit 4 recast convert "$(sed -n 1p "$scratch/parts")" -o again.gguf
expect_text '^error\[EI316\]'
expect_text 'general.architecture'
mv kept "$second"
say some.new.key hello
expect_exit 0 recast convert "$(sed -n 1p "$scratch/parts")" -o again.gguf --no-manifest
expect_text 'some.new.key'
