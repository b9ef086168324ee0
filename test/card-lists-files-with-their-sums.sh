#!/bin/bash
. "$(dirname "$0")/lib.sh"
mkdir pub && cd pub
quietly convert "$bard" -o a.gguf -Q q8_0 --metadata general.license=apache-2.0 \
  --metadata general.base_model.0.repo_url=https://huggingface.co/org/base \
  --metadata general.base_model.count=1 --metadata 'general.languages=string[]:en'
quietly convert "$bard" -o $'b|<b>\n\\.gguf' --precision f16 --metadata general.license=apache-2.0
expect_exit 0 recast card .
printf './README.md\n./SHA256SUMS\n' > ../want
sed 's,^\([^.]\),./\1,' "$out" | diff ../want - || fail "other paths"
sha256sum -c --quiet SHA256SUMS || fail "the sums"
LC_ALL=C sha256sum -- *.gguf > ../want
diff ../want SHA256SUMS || fail "another form than sha256sum's"
sed -n '2,/^---$/p' README.md > ../front
printf '%s\n' 'license: apache-2.0' 'base_model: org/base' 'base_model_relation: quantized' \
  'language:' '- en' --- | diff - ../front || fail "the front matter"
grep -qF '| `a.gguf` | Q8\_0 | 4.5 MB | 8.51 |' README.md || fail "the row of a.gguf"
grep -qF '| b\|\<b\> \\.gguf | F16 |' README.md || fail "the row of the other file"
sed '/^```/,/^```/d' README.md > ../prose
! grep -qE '(^|[^\\])<' ../prose || fail "HTML of a file name"
grep -qF "recast convert $bard --output a.gguf --quant q8_0 --metadata general.license=apache-2.0" \
  README.md || fail "the command"
grep -qF "$(sha256sum a.gguf)" README.md || fail "the sums in the card"
! grep -q 'KL' README.md || fail "a figure that nobody measured"

# A figure stands there when a manifest holds it, and only for that file.
jq '.quality = {mean_kl: 0.0123456, same_top_token: 0.987}' a.gguf.recast.json > m
mv m a.gguf.recast.json
expect_exit 7 recast card .
expect_exit 0 recast card . --force --json
jq -e '.files[] | select(.name == "a.gguf") | .mean_kl == 0.0123456' "$out" > ../kl ||
  fail "no figure in the document"
grep -qF '| 8.51 | 0.0123 | 98.7 % |' README.md || fail "the figures"
grep -qF '| not measured | not measured |' README.md || fail "the other file"
# A manifest of other files is not quoted.
jq '.target.files[0].bytes = 1' a.gguf.recast.json > m
mv m a.gguf.recast.json
expect_exit 0 recast card . --force
expect_text WM042
! grep -q '0.0123' README.md || fail "a figure of another file"

# Licences: none known, one of an old card, two that differ.
mkdir ../none && cd ../none
quietly convert "$bard" -o a.gguf -Q q8_0
expect_exit 0 recast card a.gguf -o -
expect_text WM040
expect_exit 8 recast card a.gguf -o - --strict
expect_only a.gguf a.gguf.recast.json
printf -- '---\nlicense: mit\nwidget: [{text: hi}]\n---\nOld.\n' > README.md
expect_exit 0 recast card a.gguf -o new.md
grep -qx 'license: mit' new.md || fail "the licence of the old card"
grep -qx -- '- text: hi' new.md || fail "a key of the old card"
quietly convert "$bard" -o b.gguf -Q q8_0 --metadata general.license=gpl-3.0
expect_exit 0 recast card . -o new.md --force
expect_text WM041
! grep -q '^license' new.md || fail "one of two licences was chosen"

# Nothing is written through a link, over a model, or for what is no model.
rm README.md && ln -s elsewhere README.md
expect_exit 7 recast card . --force
[ ! -e elsewhere ] || fail "through the link"
expect_exit 2 recast card a.gguf -o b.gguf --force
expect_exit 2 recast card a.gguf ../pub/a.gguf
mkdir ../empty
expect_exit 4 recast card ../empty
expect_exit 3 recast card ../missing
head -c 1000 a.gguf > cut.gguf
expect_exit 4 recast card cut.gguf -o -
expect_exit 0 recast card "$bard" -o -
expect_text 'model-00001-of-00003.safetensors'
