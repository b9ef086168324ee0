#!/bin/bash
# Installs the independent runtimes that the oracle tests use into $RECAST_ORACLES, once.
set -euo pipefail
shared=${RECAST_SHARED:?the folder that holds oracles/install.sh}
oracles=${RECAST_ORACLES:?where to install}
npm_sets=(gguf tok mlx)
python_groups=(hf convert)

mkdir -p "$oracles"
key="${npm_sets[*]} $(sha256sum < "$shared/oracles/install.sh")"
if [ "$(cat "$oracles/npm.stamp" 2> /dev/null)" != "$key" ]; then
  echo "oracles: npm sets ${npm_sets[*]}" >&2
  "$shared/oracles/install.sh" "$oracles" "${npm_sets[@]}" >&2
  echo "$key" > "$oracles/npm.stamp"
fi
log=$(mktemp)
trap 'rm -f "$log"' EXIT
"$shared/oracles/install_py.sh" "$oracles" "${python_groups[@]}" > "$log" 2>&1 || {
  cat "$log" >&2
  exit 1
}
