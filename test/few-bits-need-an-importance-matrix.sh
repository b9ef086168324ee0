#!/bin/bash
. "$(dirname "$0")/lib.sh"
quietly convert "$bard" -o m.gguf -Q f16 --no-manifest
for type in iq1_s iq1_m iq2_xxs iq2_xs iq2_s iq2_m iq3_xxs q2_k_s; do
  expect_exit 2 recast convert m.gguf -o out.gguf -Q $type
  expect_text 'EU050'
  expect_text '--imatrix'
done
expect_only m.gguf
python3 "$test_dir/write_imatrix.py" ramp.dat m.gguf
expect_exit 0 recast convert m.gguf -o few.gguf -Q iq2_xxs --imatrix ramp.dat --no-manifest
# One thread and four, in slabs of any size: the same bytes
expect_exit 0 recast convert m.gguf -o one.gguf -Q iq2_xxs --imatrix ramp.dat --no-manifest -j 1
expect_same few.gguf one.gguf
# Importance changes bytes of a type that does not need it, and is named in the file
expect_exit 0 recast convert m.gguf -o with.gguf -Q q4_k_m --imatrix ramp.dat --no-manifest
expect_exit 0 recast convert m.gguf -o without.gguf -Q q4_k_m --no-manifest
cmp -s with.gguf without.gguf && fail "importance changes nothing"
expect_text 'quantize.imatrix.entries_count' with.gguf
expect_text 'quantize.imatrix.chunks_count' with.gguf
# A missing entry: refused where the type needs one, else a warning
python3 "$test_dir/write_imatrix.py" part.dat m.gguf blk.0.attn_q.weight
expect_exit 2 recast convert m.gguf -o out.gguf -Q iq2_xxs --imatrix part.dat
expect_text 'no entry of that name'
expect_exit 8 recast convert m.gguf -o part.gguf -Q q4_k_m --imatrix part.dat --no-manifest --strict
expect_text 'WC010'
# Of another model, no matrix at all, damaged
python3 - ramp.dat short.dat alien.dat <<'P'
import struct, sys
name = b"blk.0.attn_q.weight"
def write(path, name, n):
    open(path, "wb").write(struct.pack("<ii", 1, len(name)) + name
                           + struct.pack(f"<ii{n}f", 0, n, *range(n)))
write(sys.argv[2], name, 255)
write(sys.argv[3], b"other.weight", 256)
P
expect_exit 2 recast convert m.gguf -o out.gguf -Q q4_k_m --imatrix short.dat
expect_text 'EU051'
expect_exit 2 recast convert m.gguf -o out.gguf -Q q4_k_m --imatrix alien.dat
expect_text 'EU051'
expect_exit 4 recast convert m.gguf -o out.gguf -Q q4_k_m --imatrix m.gguf
expect_text 'EI410'
head -c 1000 ramp.dat > cut.dat
expect_exit 4 recast convert m.gguf -o out.gguf -Q q4_k_m --imatrix cut.dat
expect_exit 3 recast convert m.gguf -o out.gguf -Q q4_k_m --imatrix absent.dat
# The matrix is an input: it is not overwritten
expect_exit 7 recast convert m.gguf -o ramp.dat -t gguf -Q q4_k_m --imatrix ramp.dat --force
[ ! -e out.gguf ] || fail "a refused conversion left a file"
# Entries are chosen
expect_exit 0 recast convert m.gguf -o q.gguf -Q q4_k_m --imatrix ramp.dat --no-manifest \
  --include-weights attn_q
python3 "$test_dir/gguf_data.py" q.gguf with.gguf > differ && fail "a choice changes nothing"
grep -q 'attn_q' differ && fail "the chosen tensors differ"
expect_exit 2 recast convert m.gguf -o out.gguf -Q q4_k_m --imatrix ramp.dat --exclude-weights zzz
expect_text 'EU012'
expect_exit 0 recast convert m.gguf -o out.gguf -Q q8_0 --include-weights attn_q --no-manifest
expect_text 'WC006|no effect'
