# Sourced by every script here: the program, a folder to work in, and the checks.
# RECAST names the program; one script runs by itself: RECAST=build/release/recast test/NAME.sh
set -euo pipefail
test_dir=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
program=$(realpath "${RECAST:-$test_dir/../build/release/recast}")
bard=$(realpath "$test_dir/../demo/bard")  # a trained Llama: bfloat16, three shards, 8 MB

# Options also come from RECAST_NAME: none of the caller's may leak in.
for name in $(compgen -e RECAST_ || true); do unset "$name"; done
export LC_ALL=C.UTF-8

scratch=$(mktemp -d)
trap 'chmod -R u+w "$scratch"; rm -rf "$scratch"' EXIT
mkdir "$scratch/work" "$scratch/log"
cd "$scratch/work"  # starts empty and holds only what the script and the program write
out=$scratch/log/out err=$scratch/log/err  # streams of the last expect_exit

recast() { "$program" "$@"; }
quietly() { "$program" "$@" > /dev/null 2>&1 || fail "exit $? of recast $*"; }
fail() { echo "FAILED: $*" >&2; exit 1; }
skip() { echo "SKIPPED: $*" >&2; exit 77; }

# expect_exit CODE COMMAND...
expect_exit() {
  local want=$1 code=0
  shift
  "$@" > "$out" 2> "$err" || code=$?
  [ "$code" = "$want" ] && return
  cat "$out" "$err" >&2
  fail "exit $code, expected $want: $*"
}
# expect_text REGEX [FILE]: in a file, or in what the last command printed
expect_text() {
  local pattern=$1
  shift
  [ $# -gt 0 ] || set -- "$out" "$err"
  grep -qE -- "$pattern" "$@" && return
  head -n 40 "$@" >&2
  fail "no text '$pattern'"
}
# expect_same A B: two files or folders with equal bytes
expect_same() { diff -r "$1" "$2" > /dev/null || fail "$1 and $2 differ"; }
# expect_only NAME...: what the working folder holds, hidden files included
expect_only() {
  local have want
  have=$(ls -A | sort) want=$(printf '%s\n' "$@" | sort)
  [ "$have" = "$want" ] || fail "the folder holds '$have', expected '$want'"
}
# write_safetensors FILE 'NAME DTYPE SHAPE HEX'...: HEX bytes are repeated to fill the tensor
write_safetensors() { python3 "$test_dir/write_safetensors.py" "$@"; }
# Root may read and write everything: after drop_root, as_user runs a command as an ordinary user,
# and $program and $bard are copies that this user can reach.
drop_root() {
  as_user() { "$@"; }
  [ "$(id -u)" = 0 ] || return 0
  cp "$program" "$scratch/recast" && cp -r "$bard" "$scratch/bard"
  chmod 755 "$scratch" "$scratch/recast"
  program=$scratch/recast bard=$scratch/bard
  as_user() { setpriv --reuid=65534 --regid=65534 --clear-groups "$@"; }
}
# write_big MIB: big.safetensors, of ones and twos, which takes long enough to be met in the middle
write_big() {
  local rows=() i
  for ((i = 0; i < $1 / 4; ++i)); do rows+=("t$i F32 1024x1024 0000803f00000040"); done
  write_safetensors big.safetensors "${rows[@]}"
}
# hold OUTPUT OPTION...: starts to convert big.safetensors (to bf16 without OPTIONs) in the
# background and stops the process, $run, once its journal has two records. `let_go CODE` lets it end.
hold() {
  local output=$1 journal attempt
  shift
  [ $# -gt 0 ] || set -- --precision bf16
  journal=$(dirname "$output")/.$(basename "$output").journal
  for attempt in 1 2 3 4 5; do
    "$program" convert big.safetensors -o "$output" --journal=1M -j 1 --no-manifest "$@" \
      > "$out.run" 2> "$err.run" &
    run=$!
    until [ "$({ wc -l < "$journal" || echo 0; } 2> /dev/null)" -ge 2 ] || [ -z "$(jobs -rp)" ]; do :; done
    kill -STOP $run 2> /dev/null || true
    if [ -e "$journal" ]; then return 0; fi
    kill -CONT $run 2> /dev/null || true
    wait $run || true
    rm -rf "$output"
  done
  fail "no run was met in the middle"
}
let_go() {
  local code=147  # told by `wait` of a job that was only stopped
  kill -CONT $run
  while [ $code = 147 ]; do
    code=0
    wait $run || code=$?
  done
  cp "$out.run" "$out"
  cp "$err.run" "$err"
  [ $code = "$1" ] || { cat "$err" >&2; fail "exit $code, expected $1, of the run that was held"; }
}
# in_namespace COMMAND...: as root of a mount name space of its own; skipped where there is none
in_namespace() {
  unshare -m true 2> /dev/null || skip "no mount name space"
  unshare -m "$@"
}
