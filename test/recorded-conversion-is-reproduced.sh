#!/bin/bash
. "$(dirname "$0")/lib.sh"
cp -r "$bard" model
quietly convert model -o m.gguf -Q q8_0 --metadata general.author=Ada --checksum
quietly convert model -o folder -t hf --precision f16
for manifest in m.gguf.recast.json folder/recast.json; do
  expect_exit 0 recast reproduce $manifest -j 1
  [ "$(cat "$out")" = identical ] || fail "$manifest: $(cat "$out")"
done
expect_only model m.gguf m.gguf.recast.json m.gguf.sha256 folder

# Kept on request.
expect_exit 0 recast reproduce m.gguf.recast.json -o again
expect_same m.gguf again/m.gguf
expect_same m.gguf.sha256 again/m.gguf.sha256
mv model moved
expect_exit 3 recast reproduce m.gguf.recast.json
expect_exit 0 recast reproduce m.gguf.recast.json --source moved
sed -i 's/"recast": "[^"]*"/"recast": "0.0.1"/' m.gguf.recast.json
expect_exit 0 recast reproduce m.gguf.recast.json --source moved
expect_text '^warning\[WO002\]'
expect_exit 8 recast reproduce m.gguf.recast.json --source moved --strict

# Another input is a conflict, whether it is a weight or the tokenizer that changed; the sizes stay.
cp -r moved other
python3 - << 'END'
with open("other/model-00002-of-00003.safetensors", "r+b") as file:
    file.seek(-1, 2)
    byte = file.read(1)
    file.seek(-1, 2)
    file.write(bytes([byte[0] ^ 1]))
END
expect_exit 7 recast reproduce m.gguf.recast.json --source other
expect_text '^error\[EO015\]'
expect_text 'tensor'
cp -r moved renamed
sed -i 's/"bos_token"/"bos_tokem"/' renamed/tokenizer_config.json
expect_exit 7 recast reproduce m.gguf.recast.json --source renamed
expect_text 'tokenizer_config.json'

# A record that the result does not have: no.
sed -i '0,/"target"/!s/"xxh3_128": "[0-9a-f]\{8\}/"xxh3_128": "00000000/' folder/recast.json
expect_exit 1 recast reproduce folder/recast.json --source moved
expect_text '^error\[EQ005\]'
expect_text '^different'
echo '{"recast": 1}' > bad.recast.json
expect_exit 4 recast reproduce bad.recast.json
expect_only moved other renamed bad.recast.json again m.gguf m.gguf.recast.json m.gguf.sha256 folder
