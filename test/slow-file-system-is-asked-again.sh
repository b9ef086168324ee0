#!/bin/bash
. "$(dirname "$0")/lib.sh"
command -v strace > /dev/null || skip "no strace"
strace -o /dev/null true 2> /dev/null || skip "tracing is not allowed here"
write_safetensors a.safetensors 'w F32 64x64 0000803f00000040'
quietly convert a.safetensors -o plain.safetensors --no-manifest
try() {  # try INJECTION OPTION...
  local what=$1
  shift
  strace -f -qq -o "$scratch/log/calls" -e trace=pread64,pwrite64 -e inject="$what" \
    "$program" convert a.safetensors -o out.safetensors --no-manifest -j 1 "$@" > "$out" 2> "$err"
}
try pread64:error=ESTALE:when=4..5 || fail "a read that fails twice and then works"
expect_same plain.safetensors out.safetensors
rm out.safetensors
try pwrite64:error=EAGAIN:when=2..4 || fail "a write that fails three times and then works"
expect_same plain.safetensors out.safetensors
rm out.safetensors
code=0; try pread64:error=ESTALE:when=4..5 --max-retries 1 || code=$?
[ $code = 3 ] || fail "exit $code although one retry was allowed and two were needed"
code=0; try pread64:error=EIO:when=4 || code=$?
[ $code = 3 ] && [ "$(grep -c INJECTED "$scratch/log/calls")" = 1 ] || fail "a permanent error is asked for once"
expect_only a.safetensors plain.safetensors
