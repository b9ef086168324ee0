#!/bin/bash
. "$(dirname "$0")/lib.sh"
# 6 GB of hole under an address space of 1 GiB; the budget is then a quarter of that.
(
  ulimit -v 1048576
  recast doctor --json > doctor.json || true
  [ "$(jq -r '.checks[] | select(.name == "memory").value' doctor.json | grep -c '256.0 MiB\|256 MiB')" = 1 ] ||
    fail "ulimit -v is not seen: $(jq -c '.checks[] | select(.name == "memory")' doctor.json)"
)
write_safetensors big.safetensors 'a F32 49152x32768 00000000' 'b F32 100 0000803f'
(
  ulimit -v 1048576
  expect_exit 0 recast convert big.safetensors -o out.safetensors --precision f16 --no-manifest --verify none
)
[ "$(stat -c %s out.safetensors)" -gt 3221225672 ] || fail "the output is short"
