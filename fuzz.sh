#!/bin/bash
# Fuzzes the parsers of fuzz/parsers.def under libFuzzer with address and undefined-behaviour checks.
#   ./fuzz.sh                     the targets
#   ./fuzz.sh TARGET [SECONDS]    one target, 60 seconds unless said otherwise
#   ./fuzz.sh --all [SECONDS]     each for SECONDS (300) or a million executions, what comes first
# Inputs that reach new code are kept in build/fuzz/corpus/TARGET and started from again. A finding
# ends its target; its input is in build/fuzz/found and belongs, once the code is right, into
# fuzz/findings/TARGET, where the ordinary tests feed it for ever. FUZZ_JOBS targets run at a time
# (every core); FUZZ_RUNS is another number of executions, FUZZ_ARGS goes to libFuzzer.
set -euo pipefail
cd "$(dirname "$0")"

targets=($(sed -n 's/^RECAST_[A-Z]*(\([a-z0-9_]*\),.*/\1/p' fuzz/parsers.def))
seconds=${2:-60} runs=${FUZZ_RUNS:--1}
case ${1:-} in
  "" | --list) printf '%s\n' "${targets[@]}"; exit 0 ;;
  -h | --help) sed -n '2,/^set /s/^# \{0,1\}//p' "$0"; exit 0 ;;
  --all) seconds=${2:-300} runs=${FUZZ_RUNS:-1000000} ;;
  *)
    [[ " ${targets[*]} " == *" $1 "* ]] || { echo "fuzz.sh: no target '$1'; ./fuzz.sh lists them" >&2; exit 2; }
    targets=("$1") ;;
esac
[[ $seconds =~ ^[0-9]+$ ]] || { echo "fuzz.sh: '$seconds' is no number of seconds" >&2; exit 2; }

tree=build/fuzz
jobs=${FUZZ_JOBS:-$(nproc)}
[ -n "${FUZZ_BUILT:-}" ] || {
  scripts/setup.sh build fuzz
  mkdir -p build
  cmake --preset fuzz > build/configure-fuzz.log 2>&1 || { cat build/configure-fuzz.log; exit 1; }
  cmake --build --preset fuzz -j "$jobs" --target "${targets[@]/#/fuzz_}" > build/build-fuzz.log 2>&1 ||
    { cat build/build-fuzz.log; exit 1; }
}
mkdir -p $tree/found $tree/log

fuzz() {  # fuzz TARGET
  local name=$1 seeds past=() code=0
  seeds=fuzz/seeds/$(sed -n "s/^RECAST_[A-Z]*($name, *\(.*\))/\1/p" fuzz/parsers.def)
  mkdir -p "$tree/corpus/$name"
  [ ! -d "fuzz/findings/$name" ] || past=("fuzz/findings/$name")
  UBSAN_OPTIONS=print_stacktrace=1 nice -n 10 "$tree/fuzz/fuzz_$name" \
    -max_total_time="$seconds" -runs="$runs" -timeout=5 -rss_limit_mb=1024 -malloc_limit_mb=512 \
    -max_len=32768 -dict=fuzz/words.dict -artifact_prefix="$tree/found/$name-" \
    -print_final_stats=1 ${FUZZ_ARGS:-} "$tree/corpus/$name" "$seeds" "${past[@]}" \
    > "$tree/log/$name" 2>&1 || code=$?
  row "$name" "$code"
  return $code
}

row() {  # row TARGET EXIT-CODE
  local last executions
  last=$(grep -aE '^#[0-9]+.*cov:' "$tree/log/$1" | tail -n 1)
  executions=$(sed -n 's/^stat::number_of_executed_units: //p' "$tree/log/$1")
  printf '%-20s %9s executions %7s edges %8s features %6s inputs %7s KiB  %s\n' "$1" \
    "${executions:-$(sed -nE 's/^#([0-9]+).*/\1/p' <<< "$last")}" \
    "$(sed -nE 's/.*cov: ([0-9]+).*/\1/p' <<< "$last")" \
    "$(sed -nE 's/.*ft: ([0-9]+).*/\1/p' <<< "$last")" \
    "$(find "$tree/corpus/$1" -type f | wc -l)" \
    "$(du -sk --apparent-size "$tree/corpus/$1" | cut -f1)" \
    "$([ "$2" = 0 ] && echo "no finding" ||
      { grep -aoE 'Test unit written to .*|Error: .*' "$tree/log/$1" || echo "see $tree/log/$1"; } | tail -n 1)"
}

failed=0 running=0
for name in "${targets[@]}"; do
  if [ "$running" -ge "$jobs" ]; then
    wait -n || failed=$((failed + 1))
    running=$((running - 1))
  fi
  fuzz "$name" &
  running=$((running + 1))
done
while [ "$running" -gt 0 ]; do
  wait -n || failed=$((failed + 1))
  running=$((running - 1))
done
echo "${#targets[@]} targets, $failed with findings"
[ "$failed" = 0 ]
