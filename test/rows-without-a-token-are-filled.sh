#!/bin/bash
# The rows of the embedding, the config and the tokenizer disagree in each way.
. "$(dirname "$0")/lib.sh"
echo '{"vocab_size": 2064}' > more.json
echo '{"vocab_size": 2040}' > fewer.json

# More rows than tokens: unused tokens, here and on the way back.
expect_exit 0 recast convert "$bard" -o more.gguf --fake-weight --model-config more.json --no-manifest
expect_text 'WT005'
expect_text 'expected 2064 tokens, found 2048 tokens'
expect_exit 0 recast inspect more.gguf
expect_text '^tokens.*2,064 tokens'
quietly convert more.gguf -o more -t hf --no-manifest
expect_text '"vocab_size": 2064' more/config.json
expect_exit 1 grep -q 'PAD2050' more/tokenizer.json

# Fewer rows than tokens, of the vocabulary or with those added to it.
expect_exit 4 recast convert "$bard" -o fewer.gguf --fake-weight --model-config fewer.json
expect_text 'expected at most 2040 tokens .vocab_size., found 2048 tokens'
cp -r "$bard" added
rm added/tokenizer.json
echo '{"<more>": 2048}' > added/added_tokens.json
expect_exit 4 recast convert added -o fewer.gguf
expect_text 'found 2049 tokens'

# A config that is not that of the weights: no row is dropped to please it.
expect_exit 4 recast convert "$bard" -o fewer.gguf --model-config fewer.json
expect_text 'expected .2040, 256., found .2048, 256.'
expect_only more.json fewer.json more.gguf more added
