#!/bin/bash
. "$(dirname "$0")/lib.sh"
# -Q auto and the levels where there is nothing to measure, or nothing that a type can keep
write() {  # FILE ROWS COLUMNS VALUE: a GGUF of one f32 matrix
  python3 - "$@" << 'PY'
import struct, sys
path, rows, columns, value = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4])
text = lambda s: struct.pack("<Q", len(s)) + s.encode()
tensors = [] if rows < 0 else [("blk.0.ffn_up.weight", columns, rows)]
out = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), 1)
out += text("general.architecture") + struct.pack("<I", 8) + text("llama")
for name, a, b in tensors:
    out += text(name) + struct.pack("<IQQIQ", 2, a, b, 0, 0)
out += b"\0" * (-len(out) % 32)
if tensors:
    out += struct.pack("<f", value) * (rows * columns)
open(path, "wb").write(out + b"\0" * (-len(out) % 32))
PY
}
write none.gguf -1 0 0
write rows.gguf 0 512 0
write columns.gguf 4 0 0
for file in none rows columns; do
  for aim in "--target-bpw 5" "--target-size 1M" "--max-rmse 0.1"; do
    # shellcheck disable=SC2086
    expect_exit 0 recast convert $file.gguf -o out.gguf -Q auto $aim --no-manifest --force
  done
  for type in q4_0 q4_k_m q8_0; do
    expect_exit 0 recast convert $file.gguf -o out.gguf -Q $type --optimization aggressive \
      --no-manifest --force
  done
done
expect_exit 0 recast convert "$bard" -o words.gguf --set gguf.vocab_only=true -Q auto \
  --target-bpw 5 --no-manifest
# Values below what the scale of a type can say: right, and told
write tiny.gguf 4 512 1e-9
expect_exit 0 recast convert tiny.gguf -o out.gguf -Q q8_0 --no-manifest --force
expect_text 'WC011'
# ... and above
write huge.gguf 4 512 1e18
expect_exit 1 recast convert huge.gguf -o new.gguf -Q q8_0 --no-manifest
expect_text 'EQ001'
expect_text 'tensor-type .*=f32'
expect_exit 0 recast convert huge.gguf -o new.gguf -Q auto --max-rmse 0.01 --no-manifest
rm -f ./*.gguf
[ -z "$(ls -A)" ] || fail "left behind: $(ls -A)"
