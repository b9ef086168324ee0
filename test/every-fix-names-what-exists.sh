#!/bin/bash
# A fix may name options and commands: those that there are.
. "$(dirname "$0")/lib.sh"
for command in convert inspect validate reproduce list; do recast "$command" --help; done > help
recast list errors --json | jq -r '.[].fix' > fixes
grep -oE -- '--[a-z][a-z-]+' fixes | sort -u > options
grep -oE 'recast [a-z]+' fixes | sort -u > commands
[ "$(wc -l < options)" -ge 10 ] && [ "$(wc -l < commands)" -ge 2 ] || fail "nothing to look at"
while read -r option; do expect_text "$option([^a-z-]|\$)" help; done < options
while read -r _ command; do expect_exit 0 recast "$command" --help; done < commands
