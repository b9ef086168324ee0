#!/bin/bash
. "$(dirname "$0")/lib.sh"
recast list options --json | jq -r '.[].option' | sed 's/^-*//' > options
[ "$(wc -l < options)" -ge 30 ] || fail "few options"
recast man convert | sed 's/\\//g' > man
recast convert --help > help
for shell in bash zsh fish; do
  recast completion $shell > $shell
  [ "$(wc -l < $shell)" -ge 10 ] || fail "no completion for $shell"
done
bash -n bash || fail "the bash completion is no bash"
while read -r option; do
  for file in man help bash zsh; do expect_text "--$option([^a-z-]|\$)" $file; done
  expect_text "(-l |--)$option([^a-z-]|\$)" fish
done < options
expect_exit 2 recast completion tcsh
