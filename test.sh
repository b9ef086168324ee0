#!/bin/bash
# Sets up, builds and runs every test. The last line is "N passed, N failed, N skipped".
#   --run       no set-up and no installs: works without a network once ./test.sh has run
#   --label L   only the tests of one label (may repeat): unit slow e2e layering oracle refs asan tsan
#   --list      print the tests and their labels instead of running them
# Reference data is read from ../shared or $RECAST_SHARED; the independent runtimes that it names
# are kept in $RECAST_ORACLES (default ~/.cache/recast/oracles). Without the data the tests that
# need it are skipped by name, and with CI=true that is a failure.
set -euo pipefail
cd "$(dirname "$0")"

setup=yes list= labels=()
while [ $# -gt 0 ]; do
  case $1 in
    --run) setup= ;;
    --list) list=yes ;;
    --label) labels+=("${2:?--label needs a name}"); shift ;;
    --label=*) labels+=("${1#*=}") ;;
    -h | --help) sed -n '2,/^set /s/^# \{0,1\}//p' "$0"; exit 0 ;;
    *) echo "test.sh: unknown option $1; --help lists them" >&2; exit 2 ;;
  esac
  shift
done
known=" unit slow e2e layering oracle refs asan tsan "
for label in "${labels[@]}"; do
  [[ $known == *" $label "* ]] || { echo "test.sh: no label '$label' among$known" >&2; exit 2; }
done
wanted() {  # wanted LABEL...: is one of them to be run?
  [ ${#labels[@]} -gt 0 ] || return 0
  for label; do [[ " ${labels[*]} " != *" $label "* ]] || return 0; done
  return 1
}

shared=${RECAST_SHARED:-../shared}
if [ -d "$shared/oracles" ]; then
  export RECAST_SHARED=$(cd "$shared" && pwd)
else
  unset RECAST_SHARED
fi
export RECAST_ORACLES=${RECAST_ORACLES:-${XDG_CACHE_HOME:-$HOME/.cache}/recast/oracles}

if [ -n "$setup" ]; then
  groups=(build test)
  if [ -n "${RECAST_SHARED:-}" ] && wanted oracle refs; then groups+=(oracle); fi
  scripts/setup.sh "${groups[@]}"
  [[ ! " ${groups[*]} " == *" oracle "* ]] || test/oracle/install.sh
fi

# Each tree registers the tests it is for: asan and tsan under their own label.
trees=()
if wanted unit slow e2e layering oracle refs; then trees+=(release); fi
if wanted asan; then trees+=(asan); fi
if wanted tsan; then trees+=(tsan); fi
jobs=$(nproc)
for tree in "${trees[@]}"; do
  echo "== build $tree"
  mkdir -p build
  cmake --preset "$tree" -DRECAST_TESTS=ON ${RECAST_WERROR:+-DRECAST_WERROR=$RECAST_WERROR} \
    > "build/configure-$tree.log" 2>&1 || { cat "build/configure-$tree.log"; exit 1; }
  cmake --build --preset "$tree" -j "$jobs"
done

select=()
if [ ${#labels[@]} -gt 0 ]; then select=(-L "^($(IFS='|'; echo "${labels[*]}"))\$"); fi
if [ -n "$list" ]; then
  for tree in "${trees[@]}"; do
    ctest --test-dir "build/$tree" "${select[@]}" --show-only=json-v1 | python3 test/list_tests.py
  done
  exit 0
fi

passed=0 failed=0 skipped=0
for tree in "${trees[@]}"; do
  echo "== test $tree"
  result=build/$tree/test-results.xml
  rm -f "$result"
  ctest --test-dir "build/$tree" "${select[@]}" -j "$jobs" --output-on-failure --no-tests=error \
    --output-junit "$PWD/$result" && clean=yes || clean=
  [ -f "$result" ] || { echo "test.sh: ctest of $tree wrote no result" >&2; failed=$((failed + 1)); continue; }
  count() { sed -n "0,/ $1=\"/s/.*[ \t]$1=\"\([0-9]*\)\".*/\1/p" "$result"; }
  bad=$(count failures) off=$(($(count skipped) + $(count disabled)))
  if [ -z "$clean" ] && [ "$bad" = 0 ]; then bad=1 off=$((off - 1)); fi  # a test that could not start
  failed=$((failed + bad)) skipped=$((skipped + off))
  passed=$((passed + $(count tests) - bad - off))
done

if [ -z "${RECAST_SHARED:-}" ]; then
  echo "Skipped for want of $shared (set RECAST_SHARED): the groups oracle, refs"
  if [ "${CI:-}" = true ] && wanted oracle refs; then failed=$((failed + 1)); fi
fi
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" = 0 ]
