#!/bin/bash
# Chat templates beside the usual one, as files and as a list in tokenizer_config.json.
. "$(dirname "$0")/lib.sh"
cp -r "$bard" files
mkdir files/additional_chat_templates
printf 'tools\n' > files/additional_chat_templates/tool_use.jinja
printf 'of my own' > files/additional_chat_templates/my-own.v2.jinja
quietly convert files -o files.gguf --no-manifest
expect_exit 0 recast inspect files.gguf
expect_text '^tokenizer.chat_templates.*"my_own_v2", "tool_use"'
expect_text '^tokenizer.chat_template.my_own_v2.*of my own'
quietly convert files.gguf -o files-back -t hf --no-manifest
expect_same files/additional_chat_templates files-back/additional_chat_templates
expect_same files/chat_template.jinja files-back/chat_template.jinja

# Without src.* the names are those of the keys.
quietly convert files.gguf -o bare -t hf --no-manifest --no-preserve-metadata
quietly convert files -o bare.gguf --no-manifest --no-preserve-metadata
quietly convert bare.gguf -o bare-back -t hf --no-manifest
expect_same files/additional_chat_templates/my-own.v2.jinja bare-back/additional_chat_templates/my_own_v2.jinja

cp -r "$bard" list
rm list/chat_template.jinja
python3 - list/tokenizer_config.json <<'END'
import json, sys
config = json.load(open(sys.argv[1]))
config["chat_template"] = [{"name": "default", "template": "d"}, {"name": "r-a-g", "template": "r"}]
json.dump(config, open(sys.argv[1], "w"))
END
quietly convert list -o list.gguf --no-manifest
expect_exit 0 recast inspect list.gguf
expect_text '^tokenizer.chat_template.r_a_g.*r'
quietly convert list.gguf -o list-back -t hf --no-manifest
python3 - list list-back <<'END' || fail "the list is another"
import json, sys
one, two = (json.load(open(f"{folder}/tokenizer_config.json")) for folder in sys.argv[1:])
sys.exit(one["chat_template"] != two["chat_template"])
END
[ ! -e list-back/chat_template.jinja ] || fail "the template stands twice"
