#!/bin/bash
. "$(dirname "$0")/lib.sh"
python=${RECAST_ORACLES:-${XDG_CACHE_HOME:-$HOME/.cache}/recast/oracles}/py/hf/bin/python
"$python" -c 'import yaml' 2> /dev/null || python=python3
"$python" -c 'import yaml' 2> /dev/null || skip "no Python with PyYAML"
# is KEY JSON...: members of the front matter, by another program's parser
cat > "$scratch/is.py" << 'E'
import json, sys, yaml
lines = open("README.md", newline="", encoding="utf-8").read().split("\n")
assert lines[0] == "---", lines[0]
front = yaml.safe_load("\n".join(lines[1:lines.index("---", 1)]))
for key, want in zip(sys.argv[1::2], sys.argv[2::2]):
    if front.get(key) != json.loads(want):
        sys.exit(f"{key} is {front.get(key)!r}, not {want}")
E
is() { "$python" "$scratch/is.py" "$@" || fail "$text"; }
hostile=(
  'plain' 'with: colon' "quote ' and \" both" $'two\nlines' $'---\nlicense: mit' '# comment' '- item'
  '{a: [b' '!!python/object:os.system' '&anchor *alias' '%TAG' '@at `tick`' 'yes' 'null' '1.0' '0x1F'
  '2001-01-01' '~' '<<' '=' ' blanks ' $'tab\there' 'emoji 😀 und Ümläut' $'bell\a and \x7f'
  $'nel\xc2\x85' $'sep\xe2\x80\xa8' $'bom\xef\xbb\xbf' 'back\slash' '?' ':' '|' '>' '...')
for text in "${hostile[@]}"; do
  rm -f README.md SHA256SUMS
  want=$("$python" -c 'import json, sys; print(json.dumps(sys.argv[1]))' "$text")
  tags="[$(jq '. | gsub("^ +| +$"; "")' <<< "$want"), \"one\"]"  # lists are trimmed on the way in
  quietly convert "$bard" -o a.gguf --fake-weight --force \
    --metadata "general.license.name=$text" --metadata "general.license=other" \
    --metadata "general.name=$text" --metadata "general.description=$text" \
    --metadata "general.quantized_by=$text" --metadata "general.tags=string[]:$text,one"
  expect_exit 0 recast card . --force
  is license '"other"' license_name "$want" quantized_by "$want" tags "$tags"
  # Read back by this program, the card says the same.
  expect_exit 0 recast card . --force
  is license_name "$want" quantized_by "$want" tags "$tags"
done
rm README.md
# Bytes that are no UTF-8 become U+FFFD.
quietly convert "$bard" -o a.gguf --fake-weight --force --metadata general.license=XXX
LC_ALL=C sed -i 's/XXX/X\xffX/' a.gguf
expect_exit 0 recast card . --force
text=broken is license '"X\ufffdX"'
