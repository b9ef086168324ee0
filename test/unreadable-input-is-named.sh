#!/bin/bash
. "$(dirname "$0")/lib.sh"
drop_root
cp -r "$bard" model && mkdir -m 777 open
chmod 000 model/model-00002-of-00003.safetensors
expect_exit 3 as_user "$program" inspect model
expect_text '^error\[EI002\]'
expect_text 'model-00002-of-00003.safetensors'
expect_exit 3 as_user "$program" convert model -o open/out.gguf
expect_text 'model-00002-of-00003.safetensors'
[ -z "$(ls -A open)" ] || fail "something was written"
