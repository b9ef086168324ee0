#!/bin/bash
# Runs an oracle script by the Python of the independent libraries, or says why it cannot.
# usage: test/oracle/run.sh SCRIPT.py [ARGUMENT]...
#   RECAST, RECAST_SHARED, RECAST_ORACLES: as in test.sh; each has a default
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
export RECAST=$(realpath "${RECAST:-$here/../../build/release/recast}")
export RECAST_SHARED=$(realpath -m "${RECAST_SHARED:-$here/../../../shared}")
export RECAST_ORACLES=${RECAST_ORACLES:-${XDG_CACHE_HOME:-$HOME/.cache}/recast/oracles}
export HF_HUB_OFFLINE=1 TRANSFORMERS_OFFLINE=1 TOKENIZERS_PARALLELISM=false OMP_NUM_THREADS=1
python=$RECAST_ORACLES/py/hf/bin/python

missing() {
  echo "SKIPPED: $*" >&2
  if [ "${CI:-}" = true ]; then exit 1; fi
  exit 77
}
[ -d "$RECAST_SHARED/refs" ] || missing "no reference data (RECAST_SHARED)"
[ -x "$python" ] || missing "no independent libraries; ./test.sh installs them (RECAST_ORACLES)"
script=$1
shift
exec "$python" "$here/$script" "$@"
