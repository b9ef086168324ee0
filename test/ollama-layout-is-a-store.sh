#!/bin/bash
. "$(dirname "$0")/lib.sh"
mkdir model && cp "$bard"/* model/
printf 'A licence.\n' > model/LICENSE
cat > model/chat_template.jinja <<'TEMPLATE'
{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>\n' }}{% endfor %}{{ '<|im_start|>assistant\n' }}
TEMPLATE
expect_exit 0 recast convert model -o plain.gguf -Q q8_0 --no-manifest
expect_exit 0 recast convert model -o store --layout ollama -Q q8_0 --checksum
manifest=store/manifests/registry.ollama.ai/library/model-4.2m/q8_0
[ -f "$manifest" ] || fail "no manifest: $(find store)"
# Every blob is called by its own SHA-256 and has the size that the manifest says.
for blob in store/blobs/sha256-*; do
  [ "$(sha256sum < "$blob" | cut -d' ' -f1)" = "${blob##*-}" ] || fail "the name of $blob"
done
jq -r '[.config, .layers[]] | .[] | "\(.digest) \(.size)"' "$manifest" > listed
[ "$(wc -l < listed)" = 5 ] || fail "not config, model, template, license and params"
while read -r digest size; do
  [ "$(stat -c %s "store/blobs/${digest/:/-}")" = "$size" ] || fail "the size of $digest"
done < listed
[ "$(ls store/blobs | wc -l)" = 5 ] || fail "blobs that nothing names"
layer() {
  echo "store/blobs/$(jq -r --arg t "application/vnd.ollama.image.$1" \
    '.layers[] | select(.mediaType == $t).digest' "$manifest" | tr : -)"
}
expect_same plain.gguf "$(layer model)"
expect_same model/LICENSE "$(layer license)"
grep -q 'range $i, $_ := .Messages' "$(layer template)" || fail "the template"
[ "$(jq -c .stop "$(layer params)")" = '["<|im_start|>","<|im_end|>"]' ] || fail "the stops"
config=store/blobs/$(jq -r .config.digest "$manifest" | tr : -)
[ "$(jq -r '[.model_format, .model_family, .file_type] | join(" ")' "$config")" = 'gguf llama Q8_0' ] ||
  fail "the config"
[ "$(jq -r '.rootfs.diff_ids | length' "$config")" = 4 ] || fail "the layers of the config"
(cd store && sha256sum -c --quiet SHA256SUMS) || fail "the sums"

# The same command gives the same store; one in use is never replaced.
expect_exit 7 recast convert model -o store --layout ollama -Q q8_0
expect_exit 0 recast convert model -o store --layout ollama -Q q8_0 --force
echo theirs > store/blobs/sha256-of-another-model
expect_exit 7 recast convert model -o store --layout ollama -Q q8_0 --force
expect_text EO040
grep -q theirs store/blobs/sha256-of-another-model || fail "their blob is gone"
# What such a store says already, and what it cannot hold.
expect_exit 0 recast convert model -o store2 --layout ollama -Q q8_0 --modelfile
expect_text WC006
[ ! -e store2/Modelfile ] || fail "a Modelfile"
expect_exit 2 recast convert model -o store3 --layout ollama --split tensors:9
expect_text EU041
expect_exit 2 recast convert model -o store3 -t safetensors --layout ollama
expect_only listed model plain.gguf store store2
