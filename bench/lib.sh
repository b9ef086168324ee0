# Shared by the scripts of this folder; sourced, not run.
#   RECAST       the program, default build/release/recast
#   BENCH_DIR    generated models and outputs, default a folder in the temporary directory; kept
#   BENCH_SIZE   model of copy.sh and quantize.sh (make_model.py --size), default 1.1b
#   ROUNDS       default 3
bench=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
recast=$(realpath -m "${RECAST:-$bench/../build/release/recast}")
work=${BENCH_DIR:-${TMPDIR:-/tmp}/recast-bench}
size=${BENCH_SIZE:-1.1b}
rounds=${ROUNDS:-3}
oracles=${RECAST_ORACLES:-${XDG_CACHE_HOME:-$HOME/.cache}/recast/oracles}
# The program would read these as options.
unset RECAST RECAST_ORACLES
[ -x "$recast" ] || { echo "no program at $recast; set RECAST" >&2; exit 2; }
mkdir -p "$work"

# model NAME ARGUMENT...: a generated folder, made once.
model() {
  local folder=$work/$1
  shift
  if [ ! -f "$folder.made" ]; then
    python3 "$bench/make_model.py" "$folder" --tokenizer "$bench/../demo/bard" "$@" >&2
    touch "$folder.made"
  fi
  echo "$folder"
}

# Reads files once, so that every command finds them in memory.
warm() { cat "$@" > /dev/null; }

measure() { python3 "$bench/measure.py" --rounds "$rounds" "$@"; }

# A conversion as a command for measure.py: errors only, over whatever was there, no manifest.
convert() { printf '%q ' "$recast" convert "$@" --force --no-manifest -q; }

machine() {
  grep -m 1 'model name' /proc/cpuinfo | sed 's/.*: //' | tr '\n' ','
  echo " $(nproc) processors, $(df -h --output=avail "$work" | tail -1 | tr -d ' ') free, $("$recast" version | head -1)"
}
