#!/bin/bash
. "$(dirname "$0")/lib.sh"
# A size in bytes: at most that, at least 99 %; the same bytes for any number of threads
expect_exit 0 recast convert "$bard" -o plain.gguf -Q q4_k_m --no-manifest
size=$(stat -c %s plain.gguf)
expect_exit 0 recast convert "$bard" -o one.gguf -Q auto --target-size "$size" --no-manifest -j 1
expect_text 'bits/weight.weighted RMSE'
expect_text '^chosen'
expect_exit 0 recast convert "$bard" -o two.gguf -Q auto --target-size "$size" --no-manifest -j 2
cmp one.gguf two.gguf
have=$(stat -c %s one.gguf)
[ "$have" -le "$size" ] || fail "$have bytes, at most $size asked for"
[ $((have * 100)) -ge $((size * 99)) ] || fail "$have bytes wastes more than 1 % of $size"
# Planning writes nothing and tells the same size
expect_exit 0 recast convert "$bard" -o dry.gguf -Q auto --target-size "$size" --no-manifest -n --json
python3 - "$out" "$have" << 'PY' || fail "the plan is not the run"
import json, sys
report = json.load(open(sys.argv[1]))
choice = report["choice"]
assert report["outputs"][0]["bytes"] == choice["bytes"] == int(sys.argv[2])
by_name = {r["name"]: r for r in choice["recipes"]}
assert choice["weighted_rmse"] < by_name["q4_k_m"]["weighted_rmse"], choice
assert choice["loss"] < by_name["q4_k_m"]["loss"], choice
errors = [p["weighted_rmse"] for p in choice["curve"]]
assert len(errors) > 8 and errors[0] > 4 * errors[-1], errors
sizes = [p["bytes"] for p in choice["curve"]]
assert sizes == sorted(sizes)
PY
[ ! -e dry.gguf ] || fail "a dry run wrote"
# Bits a weight
expect_exit 0 recast quantize plain.gguf bits.gguf auto --target-bpw 4.1 --allow-requantize \
  --no-manifest --json
python3 - "$out" << 'PY' || fail "bits a weight"
import json, sys
bits = json.load(open(sys.argv[1]))["outputs"][0]["bits_per_weight"]
assert 4.1 * 0.99 <= bits <= 4.1, bits
PY
# An error: every packed tensor keeps it, and is as small as that allows
expect_exit 0 recast convert "$bard" -o error.gguf -Q auto --max-rmse 0.05 --no-manifest --json
python3 - "$out" << 'PY' || fail "largest error"
import json, sys
report = json.load(open(sys.argv[1]))
rmse = [t["rmse"] for t in report["choice"]["tensors"]]
assert max(rmse) <= 0.05 and min(rmse) > 0.02, rmse
PY
# With both, the bound holds and the size too
expect_exit 0 recast convert "$bard" -o both.gguf -Q auto --max-rmse 0.2 --target-bpw 5 --no-manifest
# Options still decide
expect_exit 0 recast convert "$bard" -o mixed.gguf -Q auto --target-bpw 5 --no-manifest \
  --tensor-type 'attn_v=q8_0' --output-type q5_1
expect_exit 0 recast inspect mixed.gguf --tensors
expect_text 'blk.0.attn_v.weight[[:space:]]+Q8_0'
expect_text 'output.weight[[:space:]]+Q5_1'
# A plan that is stored runs to the same bytes
expect_exit 0 recast convert "$bard" -o one2.gguf -Q auto --target-size "$size" --no-manifest \
  --plan plan.json
expect_exit 0 recast convert --apply plan.json
cmp one.gguf one2.gguf
# What cannot be
expect_exit 2 recast convert "$bard" -o out.gguf -Q auto
expect_text 'EU053'
expect_exit 2 recast convert "$bard" -o out.gguf -Q auto --target-bpw 1.5
expect_text 'at least .* bits a weight'
expect_exit 2 recast convert "$bard" -o out.gguf -Q auto --target-size 100k
expect_text 'EU054'
expect_exit 2 recast convert "$bard" -o out.gguf -Q auto --target-size 3M --target-bpw 5
expect_exit 2 recast convert "$bard" -o out.gguf -Q auto --target-size 3M --pure
expect_exit 2 recast convert "$bard" -o out.gguf -Q auto --max-rmse 2
expect_exit 2 recast convert plain.gguf -o out.gguf -Q auto --target-size 2M
expect_text 'allow-requantize'
expect_exit 2 recast convert "$bard" -o out -t hf -Q auto --target-bpw 5
expect_exit 0 recast convert "$bard" -o named.gguf -Q q8_0 --target-bpw 5 --no-manifest
expect_text 'no effect'
[ ! -e out.gguf ] || fail "a refused conversion left a file"
